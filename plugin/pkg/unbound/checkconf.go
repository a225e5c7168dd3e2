package unbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// standardInput is how the child and unbound-checkconf are told to read it; a
// dash they take for a file's name.
const standardInput = "/dev/stdin"

// complaint is what unbound-checkconf says about a line; without a file, about
// all of it.
type complaint struct {
	file string
	line int
	text string
}

var (
	// /dev/stdin:10: error: unknown keyword 'iter-scrub-rrsig'
	atLine = regexp.MustCompile(`^(\S+):(\d+): error: (.*)$`)
	// [1795612248] unbound-checkconf[20185:0] fatal error: bad config for validator module
	stamped = regexp.MustCompile(`^\[[0-9]+\] \S+\[[0-9:]+\] (?:fatal error|error|warning): (.*)$`)
	warned  = regexp.MustCompile(`^(?:unbound-checkconf: |\[[0-9]+\] \S+ )warning: (.*)$`)
)

// checkconf has unbound-checkconf read the configuration. accepted says whether
// it takes it whole.
func (p *Program) checkconf(ctx context.Context, c *configuration) (complaints []complaint, warnings []string, accepted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Checkconf, standardInput)
	cmd.Stdin = strings.NewReader(c.text.String())
	cmd.Env = []string{}
	said, err := cmd.CombinedOutput()
	complaints, warnings = parseComplaints(said)
	exit, left := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil, warnings, true, nil
	case left && exit.Exited():
		return complaints, warnings, false, nil
	}
	return nil, nil, false, fmt.Errorf("unbound: %s: %w", p.Checkconf, cause(err))
}

func parseComplaints(said []byte) (complaints []complaint, warnings []string) {
	for line := range bytes.Lines(said) {
		text := strings.TrimRight(string(line), "\r\n")
		if m := warned.FindStringSubmatch(text); m != nil {
			warnings = append(warnings, m[1])
		} else if m := atLine.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[2])
			complaints = append(complaints, complaint{m[1], n, m[3]})
		} else if m := stamped.FindStringSubmatch(text); m != nil {
			complaints = append(complaints, complaint{text: m[1]})
		}
	}
	return complaints, warnings
}

// settle finds the options that this program takes: all are tried at once, and
// unbound-checkconf names every line that it refuses, so that one process more
// at most is needed, and none once it is known. It returns the configuration
// that is in order, and the options that this version does not know.
func (p *Program) settle(ctx context.Context, all parts) (c *configuration, leftOut, warnings []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		c = all.write(p.refused)
		complaints, warnings, accepted, err := p.checkconf(ctx, c)
		if err != nil {
			return nil, nil, nil, err
		}
		if accepted {
			return c, all.leftOut(p.refused), warnings, nil
		}
		if !p.refuse(c, complaints) {
			return nil, nil, nil, refusal(c, complaints)
		}
	}
}

// refuse notes the options complained of that can be left out, and says whether
// there were any that were not known yet. Complaints about the operator's lines
// stay, so a loop of these ends.
func (p *Program) refuse(c *configuration, complaints []complaint) (more bool) {
	for _, each := range complaints {
		o := c.at(each).option
		if o != nil && !o.vital && !p.refused[o.word()] {
			p.refused[o.word()] = true
			more = true
		}
	}
	return more
}

// at is where the line complained of comes from.
func (c *configuration) at(each complaint) origin {
	if each.file != standardInput || each.line < 1 || each.line > len(c.from) {
		return origin{}
	}
	return c.from[each.line-1]
}

// maxComplaints are shown at once: the first says what the others repeat.
const maxComplaints = 3

// refusal says what is wrong in the operator's words: his file and line where it
// is one of his. Of what is said about one line the first counts.
func refusal(c *configuration, complaints []complaint) error {
	var said []string
	last := complaint{}
	for _, each := range complaints {
		if each.line > 0 && each.line == last.line && each.file == last.file {
			continue
		}
		last = each
		if said = append(said, c.place(each)+each.text); len(said) == maxComplaints {
			break
		}
	}
	if len(said) == 0 {
		said = []string{"without a reason"}
	}
	return fmt.Errorf("unbound: unbound-checkconf refuses the configuration: %s", strings.Join(said, "; "))
}

// place is where the complaint belongs, as it stands before its text.
func (c *configuration) place(each complaint) string {
	from := c.at(each)
	switch {
	case from.file != "":
		return fmt.Sprintf("%s:%d: ", from.file, from.line)
	case from.option != nil:
		return fmt.Sprintf("%q: ", from.option.line)
	case each.line > 0 && each.file != standardInput:
		return fmt.Sprintf("%s:%d: ", each.file, each.line)
	}
	return ""
}
