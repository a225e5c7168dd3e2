package list

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Options stand in the comments of a file, anywhere in it, and hold for all of
// it: "# sinkhole: subdomains=off shadow". The last one wins.
type Options struct {
	Subdomains bool          // a plain name covers what is below it; default true
	Category   string        // in place of the folder's
	Shadow     bool          // counted, not blocked
	Expires    time.Duration // how long an entry lives; 0: as long as it is listed
	URLs       string        // "hosts": the host of every URL; "": of those without a path
	CSVColumn  int           // from one; 0: found by the header
}

func defaultOptions() Options { return Options{Subdomains: true} }

const (
	optionMark = "sinkhole:"
	wantOption = "want subdomains=on|off, shadow, category=NAME, expires=DURATION, urls=hosts or csv-column=N"
)

// survey is the first reading of a line: only for options, and for what takes
// rules away.
func (r *reader) survey(line int, text []byte, long bool) {
	if long {
		return
	}
	if bytes.IndexByte(text, '$') >= 0 && bytes.Contains(text, []byte("badfilter")) {
		r.surveyBadfilter(text)
	}
	r.surveyRow(text)
	if !bytes.Contains(text, []byte(optionMark)) {
		return
	}
	said, ok := bytes.CutPrefix(commentOf(text), []byte(optionMark))
	if !ok {
		return
	}
	r.line = line
	for _, field := range strings.Fields(string(said)) {
		if r.res.Options.set(field) {
			continue
		}
		r.warn([]byte(field), "not an option of a list; "+wantOption)
		if !strings.Contains(field, "=") {
			return // the rest may be prose
		}
	}
}

// set takes one option, or tells that it is none.
func (o *Options) set(field string) bool {
	key, value, _ := strings.Cut(field, "=")
	switch key {
	case "subdomains":
		o.Subdomains = value == "on"
		return value == "on" || value == "off"
	case "shadow":
		o.Shadow = true
		return field == "shadow"
	case "category":
		if !categoryName(value) {
			return false
		}
		o.Category = value
	case "expires":
		d, ok := lifetime(value)
		if !ok {
			return false
		}
		o.Expires = d
	case "urls":
		if value != "hosts" {
			return false
		}
		o.URLs = value
	case "csv-column":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 1000 {
			return false
		}
		o.CSVColumn = n
	default:
		return false
	}
	return true
}

// categoryName: what can be a folder's name and a label of a metric, and no
// folder that means something else.
func categoryName(s string) bool {
	if s == "allow" || s == "clients" || s == "rpz" {
		return false
	}
	for _, c := range []byte(s) {
		if host[c] == 0 {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// lifetime reads 180d, 36h, 90m.
func lifetime(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= 36500
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}
