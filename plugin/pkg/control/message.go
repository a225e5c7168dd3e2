package control

import "time"

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
	Zone            *Zone  `json:"zone,omitempty"` // of a response policy zone in force
	// Refusals and Warnings are whole sentences, `file:line: "text": reason`;
	// the first of them where there are many.
	Refusals []string `json:"refusals,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Passed says what was passed over, in a sentence; `check` prints it.
	Passed string `json:"-"`
}

// Zone is what a response policy zone in force says of itself.
type Zone struct {
	Name   string         `json:"name"`
	Serial *uint32        `json:"serial"` // null: it has no SOA
	Policy string         `json:"policy"` // the Corefile's word in place of the zone's own: given where there is none
	Rules  map[string]int `json:"rules"`  // by trigger: client-ip, qname, response-ip, nsdname, nsip
}

// Feed is a response policy zone that is fetched from its primaries.
type Feed struct {
	Zone        string     `json:"zone"`
	State       string     `json:"state"` // waiting, current, failing, expired
	Serial      uint32     `json:"serial"`
	Records     int        `json:"records"`      // 0: nothing was fetched yet
	Primary     string     `json:"primary"`      // that answered last
	LastSuccess *time.Time `json:"last_success"` // null: never
	NextRefresh *time.Time `json:"next_refresh"`
	Reason      string     `json:"reason"` // why the last refresh failed, where it did
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
	Zone     string `json:"zone,omitempty"`
	Trigger  string `json:"trigger,omitempty"` // of a zone's rule
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
	Zone       string       `json:"zone,omitempty"`    // of a response policy zone that decides
	Trigger    string       `json:"trigger,omitempty"` // of its rule
	Source     *Source      `json:"source"`
	PassedOver []PassedOver `json:"passed_over"`
}

// Answer is the explanation of one name of many, or why there is none.
type Answer struct {
	Explanation *Explanation `json:"explanation,omitempty"`
	Message     string       `json:"message,omitempty"`
}

// Questions ask what decides each of many names: up to 1,000.
type Questions struct {
	Questions []Question `json:"questions"`
}

// MaxQuestions bounds Questions.
const MaxQuestions = 1000

// Answers are one for each question, in their order.
type Answers struct {
	Answers []Answer `json:"answers"`
}

// Status answers `status`. Parts that a Corefile does not use are null.
type Status struct {
	Version       string         `json:"version"`
	UptimeSeconds int64          `json:"uptime_seconds"`
	Warnings      []string       `json:"warnings"`
	Lists         []List         `json:"lists"`
	Feeds         []Feed         `json:"feeds,omitempty"`
	Recursor      map[string]any `json:"recursor"`
	Express       map[string]any `json:"express"`
	Census        map[string]any `json:"census"`
}
