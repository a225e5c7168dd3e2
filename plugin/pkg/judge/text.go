package judge

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sinkhole/plugin/pkg/tally"
)

// Text is the evidence as a sentence that the subscriber may be read. It says
// what a device on the line asked, and never what is wrong with it.
func (e Evidence) Text() string {
	switch {
	case len(e.names)+e.unnamed > 0:
		return e.contactText()
	case e.storm:
		return fmt.Sprintf("a device on this line asked %s questions in %s, most of them for one and the same name, as a device does that cannot reach its server (%s)",
			grouped(e.Count), span(e.Window), e.when())
	}
	text := fmt.Sprintf("a device on this line, or several together, asked %s questions in %s", grouped(e.Count), span(e.Window))
	if e.times > 1 {
		text += fmt.Sprintf(", %s times as many as a usual line", grouped(e.times))
	}
	return text + fmt.Sprintf(" (%s)", e.when())
}

func (e Evidence) contactText() string {
	verb := "asked for"
	switch e.Signal {
	case C22.String():
		verb = "repeatedly asked for"
	case C23.String():
		verb = "kept asking for"
	}
	text := fmt.Sprintf("a device on this line %s %s, in %s", verb, e.what(), plural(e.Count, "period of ten minutes", "periods of ten minutes"))
	if e.hours > 1 {
		text += fmt.Sprintf(" in %d different hours", e.hours)
	}
	return text + fmt.Sprintf(" (%s)", e.when())
}

// maxNames is how many names a sentence says; the others it counts.
const maxNames = 3

// what is what was asked for, by name and category.
func (e Evidence) what() string {
	listed := fmt.Sprintf("listed as %s", e.category)
	if e.category == several {
		listed = "listed in several categories"
	}
	var named []string
	for _, n := range e.names[:min(len(e.names), maxNames)] {
		if _, err := netip.ParsePrefix(n); err == nil {
			n = "a name at the address " + n
		}
		named = append(named, n)
	}
	rest := len(e.names) - len(named) + e.unnamed
	switch {
	case len(named) == 0 && rest == 1:
		return "a name " + listed
	case len(named) == 0:
		return fmt.Sprintf("%d names %s", rest, listed)
	case rest > 0:
		named = append(named, plural(uint64(rest), "other", "others"))
	}
	if n := len(named) - 1; n > 0 {
		named[n-1] += " and " + named[n]
		named = named[:n]
	}
	return strings.Join(named, ", ") + ", " + listed
}

// when is the time between the first pane and the end of the last.
func (e Evidence) when() string {
	const day, hour = "2 January 2006", "15:04"
	from, to := e.First.Start(), e.Last.Start().Add(tally.PaneLength)
	if from.Format(day) == to.Format(day) {
		return fmt.Sprintf("%s, %s to %s UTC", from.Format(day), from.Format(hour), to.Format(hour))
	}
	return fmt.Sprintf("%s to %s UTC", from.Format(day+", "+hour), to.Format(day+", "+hour))
}

// span is a length of time in words.
func span(d time.Duration) string {
	switch {
	case d == 10*time.Minute:
		return "ten minutes"
	case d == time.Hour:
		return "one hour"
	case d%(24*time.Hour) == 0:
		return plural(uint64(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return plural(uint64(d/time.Hour), "hour", "hours")
	}
	return plural(uint64(d/time.Minute), "minute", "minutes")
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped is a number with a comma at each thousand.
func grouped(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
