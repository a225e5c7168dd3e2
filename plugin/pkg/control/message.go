package control

// List is one file of the drop folder, as `status`, `reload` and `check` show it.
type List struct {
	File            string `json:"file"`
	Category        string `json:"category"`
	State           string `json:"state"` // in force, last good, refused, shadow
	Entries         int    `json:"entries"`
	RefusedLines    int    `json:"refused_lines"`
	PassedOverLines int    `json:"passed_over_lines"`
	SHA256          string `json:"sha256"`
	AgeSeconds      int64  `json:"age_seconds"`
	Reason          string `json:"reason"`
	// Refusals and Warnings are whole sentences, `file:line: "text": reason`;
	// the first of them where there are many.
	Refusals []string `json:"refusals,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Passed says what was passed over, in a sentence; `check` prints it.
	Passed string `json:"-"`
}

// The states of a list.
const (
	StateInForce  = "in force"
	StateLastGood = "last good"
	StateRefused  = "refused"
	StateShadow   = "shadow"
)

// Lists answers `reload`; `check` prints the same form.
type Lists struct {
	Lists []List `json:"lists"`
}

// Source is the line that decided or was passed over.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// PassedOver is a rule that matched and did not decide.
type PassedOver struct {
	Category string `json:"category"`
	Action   string `json:"action"`
	Source   Source `json:"source"`
	Why      string `json:"why"`
}

// Explanation answers `explain` for one name.
type Explanation struct {
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	Client     string       `json:"client"`
	Blocked    bool         `json:"blocked"`
	Verdict    string       `json:"verdict"`
	Category   string       `json:"category"`
	Action     string       `json:"action"`
	Source     *Source      `json:"source"`
	PassedOver []PassedOver `json:"passed_over"`
}

// Status answers `status`. Parts that a Corefile does not use are null.
type Status struct {
	Version       string         `json:"version"`
	UptimeSeconds int64          `json:"uptime_seconds"`
	Warnings      []string       `json:"warnings"`
	Lists         []List         `json:"lists"`
	Recursor      map[string]any `json:"recursor"`
	Express       map[string]any `json:"express"`
	Census        map[string]any `json:"census"`
}
