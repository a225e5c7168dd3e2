package house

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
)

// instruction is one of a Dockerfile, with its continued lines joined and the
// lines of its here-document kept apart.
type instruction struct {
	Word string // upper case
	Args string
	Line int
	Doc  []string
}

var hereDoc = regexp.MustCompile(`<<-?["']?([A-Za-z_]+)["']?`)

func dockerfile(src []byte) []instruction {
	var out []instruction
	lines := strings.Split(string(src), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		in := instruction{Line: i + 1}
		for strings.HasSuffix(line, "\\") && i+1 < len(lines) {
			i++
			next := strings.TrimSpace(lines[i])
			if strings.HasPrefix(next, "#") {
				continue
			}
			line = strings.TrimSuffix(line, "\\") + next
		}
		word, args, _ := strings.Cut(line, " ")
		in.Word, in.Args = strings.ToUpper(word), strings.TrimSpace(args)
		if m := hereDoc.FindStringSubmatch(line); m != nil {
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != m[1]; i++ {
				in.Doc = append(in.Doc, lines[i])
			}
		}
		out = append(out, in)
	}
	return out
}

// image is what checkImage gathers of a Dockerfile: its stages, and what stands
// in the last one.
type image struct {
	stages    []string
	last      map[string]instruction // by word; of several the last
	lastBase  string
	goVersion string
}

func checkImage(t *Tree) (r Report) {
	const file = "Dockerfile"
	im := image{}
	for _, in := range dockerfile(t.Files[file]) {
		r.Examined++
		switch in.Word {
		case "FROM":
			im.from(&r, file, in)
			continue
		case "COPY", "ADD":
			t.checkCopy(&r, file, in, im.stages)
		}
		if im.last != nil {
			im.last[in.Word] = in
		}
	}
	if r.Examined == 0 {
		return r
	}
	if want := minor(goDirective(t.Files["go.mod"])); want != "" && im.goVersion != want {
		r.fault(file, 0, "builds with Go %q, go.mod wants %s", im.goVersion, want)
	}
	if !strings.Contains(im.lastBase, "trixie") {
		r.fault(file, 0, "runs on %q; want Debian 13 (trixie), whose Unbound has the fixes of 2026", im.lastBase)
	}
	im.checkLast(&r, file)
	return r
}

func (im *image) from(r *Report, file string, in instruction) {
	args := slices.DeleteFunc(strings.Fields(in.Args), func(s string) bool { return strings.HasPrefix(s, "--") })
	base := args[0]
	im.last, im.lastBase = map[string]instruction{}, base
	if len(args) == 3 && strings.EqualFold(args[1], "AS") {
		im.stages = append(im.stages, args[2])
	}
	if slices.Contains(im.stages, base) {
		return
	}
	name, tag, ok := strings.Cut(path.Base(base), ":")
	if !ok || tag == "latest" {
		r.fault(file, in.Line, "the base %s has no version; want name:version", base)
	}
	if name == "golang" {
		im.goVersion = minor(strings.SplitN(tag, "-", 2)[0])
	}
}

func minor(version string) string {
	parts := strings.Split(version, ".")
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func goDirective(gomod []byte) string {
	for line := range strings.Lines(string(gomod)) {
		if v, ok := strings.CutPrefix(line, "go "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (t *Tree) checkCopy(r *Report, file string, in instruction, stages []string) {
	if len(in.Doc) > 0 {
		return
	}
	var froms string
	var paths []string
	for _, a := range strings.Fields(in.Args) {
		if from, ok := strings.CutPrefix(a, "--from="); ok {
			froms = from
		} else if !strings.HasPrefix(a, "--") {
			paths = append(paths, a)
		}
	}
	if froms != "" {
		if !slices.Contains(stages, froms) {
			r.fault(file, in.Line, "copies from the stage %q, which is not above", froms)
		}
		return
	}
	for _, src := range paths[:max(0, len(paths)-1)] {
		clean := path.Clean(strings.TrimPrefix(src, "./"))
		if strings.Contains(src, "://") || !t.has(clean) {
			r.fault(file, in.Line, "copies %s, which is not in the tree", src)
			continue
		}
		if pattern := t.ignoredBy(clean); pattern != "" {
			r.fault(file, in.Line, "copies %s, which .dockerignore leaves out by %q", src, pattern)
		}
	}
}

// ignoredBy is the line of .dockerignore that leaves p out, the last that speaks
// of it deciding.
func (t *Tree) ignoredBy(p string) (pattern string) {
	for line := range strings.Lines(string(t.Files[".dockerignore"])) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		keep, negated := strings.CutPrefix(line, "!")
		fits, _ := path.Match(strings.TrimSuffix(keep, "/"), p)
		if fits || within(p, strings.TrimSuffix(keep, "/")) {
			pattern = line
			if negated {
				pattern = ""
			}
		}
	}
	return pattern
}

func (im *image) checkLast(r *Report, file string) {
	user, _, _ := strings.Cut(im.last["USER"].Args, ":")
	if user == "" || user == "root" || strings.Trim(user, "0123456789") != "" || strings.Trim(user, "0") == "" {
		r.fault(file, im.last["USER"].Line, "runs as %q; want USER with a number that is not 0, so that Kubernetes can see it is not root", user)
	}
	if hc := im.last["HEALTHCHECK"]; !strings.Contains(hc.Args, "status") {
		r.fault(file, hc.Line, "no HEALTHCHECK through sinkhole status")
	}
	if vol := im.last["VOLUME"]; !strings.Contains(vol.Args, "/var/lib/sinkhole") || !strings.Contains(vol.Args, "/etc/sinkhole") {
		r.fault(file, vol.Line, "VOLUME lacks /etc/sinkhole/... (lists) or /var/lib/sinkhole (state)")
	}
	if exp := im.last["EXPOSE"]; !strings.Contains(exp.Args, "53/udp") || !strings.Contains(exp.Args, "53/tcp") {
		r.fault(file, exp.Line, "EXPOSE lacks 53/udp or 53/tcp")
	}
	if label := im.last["LABEL"]; !strings.Contains(label.Args, "org.opencontainers.image.") {
		r.fault(file, label.Line, "no LABEL org.opencontainers.image....")
	}
	var words []string
	if ep := im.last["ENTRYPOINT"]; json.Unmarshal([]byte(ep.Args), &words) != nil || len(words) == 0 {
		r.fault(file, ep.Line, "no ENTRYPOINT in JSON form; a shell in front would swallow the signals")
	}
}
