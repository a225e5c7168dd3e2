package unbound

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// configuration is unbound.conf as text, and where each of its lines is from.
type configuration struct {
	text strings.Builder
	from []origin // by line, from zero
}

// origin is where a line comes from: a file of the operator's, or an option.
type origin struct {
	file   string
	line   int
	option *option
}

// maxInclude bounds a file behind `include`, in bytes.
const maxInclude = 16 << 20

// include is a file of the operator's as it was read.
type include struct{ path, text string }

func readInclude(path string) (include, error) {
	text, err := readBounded(path, maxInclude)
	if err != nil {
		return include{}, fmt.Errorf("include %q: %w; want a file with lines of unbound.conf", path, cause(err))
	}
	return include{path, string(text)}, nil
}

// add writes a line.
func (c *configuration) add(text string, from origin) {
	c.text.WriteString(text + "\n")
	c.from = append(c.from, from)
}

// options writes the options, those in leftOut as comments.
func (c *configuration) options(all []option, leftOut map[string]bool) {
	for i := range all {
		o := &all[i]
		if o.why != "" {
			c.add("", origin{})
			c.add("    # "+o.why, origin{})
		}
		text := "    " + o.line
		if leftOut[o.word()] {
			text = "    # not known to this version: " + o.line
		}
		c.add(text, origin{option: o})
	}
}

// include writes a file of the operator's behind a server clause of its own:
// clauses in what stood before do not reach into it.
func (c *configuration) include(in include) {
	c.add("", origin{})
	c.add("# "+in.path, origin{})
	c.add("server:", origin{})
	n := 0
	for line := range strings.Lines(in.text) {
		n++
		c.add(strings.TrimRight(line, "\r\n"), origin{file: in.path, line: n})
	}
}

// parts are all that a configuration is made of.
type parts struct {
	version  string
	options  []option
	forward  []option
	includes []include
}

// write puts the parts together. The operator's lines come last: of an option
// that stands twice Unbound takes the last value.
func (p parts) write(leftOut map[string]bool) *configuration {
	c := new(configuration)
	c.add("# Written for Unbound "+p.version+" by the server that runs it; each start writes it anew.", origin{})
	c.add("server:", origin{})
	c.options(p.options, leftOut)
	c.options(p.forward, nil)
	for _, in := range p.includes {
		c.include(in)
	}
	return c
}

// leftOut are the options, in their order, that stand as comments.
func (p parts) leftOut(set map[string]bool) []string {
	var out []string
	for _, o := range p.options {
		if set[o.word()] {
			out = append(out, o.line)
		}
	}
	return out
}

// newSecret is a word that nobody can guess.
func newSecret() string { return rand.Text() }
