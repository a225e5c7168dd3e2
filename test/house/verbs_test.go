package house

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// said is a command line of sinkhole that a paper names.
type said struct {
	file       string
	line       int
	verb, rest string
}

var (
	codeSpan = regexp.MustCompile("`[^`\n]+`")
	// command finds the binary with a verb behind it, by name or by path.
	command  = regexp.MustCompile("(?:^|[\\s/=`])sinkhole ([a-z][a-z-]*)([^`\n|;]*)")
	flagWord = regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
)

// commands are the command lines in code spans and fenced blocks of the papers.
func commands(t *Tree) []said {
	var out []said
	add := func(file string, line int, code string) {
		for _, m := range command.FindAllStringSubmatch(code, -1) {
			out = append(out, said{file, line, m[1], m[2]})
		}
	}
	for _, p := range t.papers() {
		for i, line := range strings.Split(prose(t.Files[p]), "\n") {
			for _, span := range codeSpan.FindAllString(line, -1) {
				add(p, i+1, span)
			}
		}
		for _, f := range fences(t.Files[p], "*") {
			if f.Info == "corefile" || f.Info == "text" {
				continue // a text is what a command printed
			}
			for i, line := range f.Lines {
				add(p, f.Line+1+i, line)
			}
		}
	}
	return out
}

// TestCommandsExist asks the binary's own help about every verb and flag that a
// paper names.
func TestCommandsExist(t *testing.T) {
	all := commands(loadTree(t))
	if len(all) == 0 {
		t.Fatal("examined nothing")
	}
	for _, c := range all {
		if why := unknown(t, c); why != "" {
			t.Errorf("%s:%d: sinkhole %s%s: %s", c.file, c.line, c.verb, c.rest, why)
		}
	}
}

// TestUnknownCommandIsFound plants a verb and a flag that do not exist.
func TestUnknownCommandIsFound(t *testing.T) {
	tree := &Tree{Files: map[string][]byte{"README.md": []byte("Say `sinkhole block NAME`, or\n```sh\nbin/sinkhole status --loud\n```\n")}}
	all := commands(tree)
	if len(all) != 2 {
		t.Fatalf("found %d command lines, want 2: %v", len(all), all)
	}
	for _, c := range all {
		if unknown(t, c) == "" {
			t.Errorf("%s:%d: nothing is wrong with sinkhole %s%s", c.file, c.line, c.verb, c.rest)
		}
	}
}

func unknown(t *testing.T, c said) (why string) {
	t.Helper()
	if c.verb == "help" {
		return ""
	}
	out, err := exec.Command(binary(t), "help", c.verb).CombinedOutput()
	if err != nil {
		return "no such verb"
	}
	manual := strings.ReplaceAll(string(out), "-", " ")
	for _, m := range flagWord.FindAllStringSubmatch(c.rest, -1) {
		if !regexp.MustCompile(`\b` + strings.ReplaceAll(m[1], "-", " ") + `\b`).MatchString(manual) {
			return "no flag --" + m[1]
		}
	}
	return ""
}
