package house

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// example is a Corefile that a paper shows.
type example struct {
	file string
	line int
	text string
}

// examples are the blocks fenced as `corefile` in all READMEs, and the Corefile
// of the image.
func examples(t *Tree) []example {
	var out []example
	for _, p := range t.papers() {
		for _, f := range fences(t.Files[p], "corefile") {
			out = append(out, example{p, f.Line, f.Text()})
		}
	}
	for _, in := range dockerfile(t.Files["Dockerfile"]) {
		if strings.HasSuffix(in.Args, "/Corefile") && len(in.Doc) > 0 {
			out = append(out, example{"Dockerfile", in.Line, strings.Join(in.Doc, "\n") + "\n"})
		}
	}
	return out
}

// TestExamples checks and starts every example with the real binary, moved to
// free ports, loopback addresses and a folder of its own.
func TestExamples(t *testing.T) {
	needsUnbound(t)
	tree := loadTree(t)
	all := examples(tree)
	if len(all) == 0 {
		t.Fatal("examined nothing")
	}
	for _, ex := range all {
		t.Run(fmt.Sprintf("%s:%d", ex.file, ex.line), func(t *testing.T) {
			if err := try(t, tree, ex.text); err != nil {
				t.Error(err)
			}
		})
	}
	for _, dir := range tree.Plugins() {
		if !slices.ContainsFunc(all, func(ex example) bool { return ex.file == dir+"/README.md" }) {
			t.Errorf("%s/README.md shows no example fenced as corefile", dir)
		}
	}
}

// TestBrokenExampleIsFound plants mistakes of the kinds that examples have.
func TestBrokenExampleIsFound(t *testing.T) {
	needsUnbound(t)
	tree := loadTree(t)
	for name, text := range map[string]string{
		"an option that is gone":    "sinkhole {\n    antwort 192.0.2.1\n}\n",
		"a directive that is gone":  ". {\n    sinkhole\n    kubernetes\n}\n",
		"a value that is no longer": ". {\n    sinkhole {\n        ttl soon\n    }\n    recursor\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if try(t, tree, text) == nil {
				t.Error("it was checked and started without a complaint")
			}
		})
	}
}

// try checks a Corefile, starts it and stops it.
func try(t *testing.T, tree *Tree, text string) error {
	t.Helper()
	dir := shortDir(t)
	conf := filepath.Join(dir, "Corefile")
	text = newStage(t, dir).adapt(text, tree.directives())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command(binary(t), "check", "--conf", conf)
	check.Dir, check.Env = dir, environ(dir)
	if out, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("check: %w\n%s\n%s", err, out, text)
	}
	s, err := serve(t, dir, conf)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return s.stop()
}

// shortDir is a folder whose path leaves room for a socket: a Unix socket's path
// has at most 107 bytes, and t.TempDir repeats the name of the test.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ex")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stage is where an example runs: its ports, addresses and paths in place of
// those that it names.
type stage struct {
	t     *testing.T
	dir   string
	ports map[string]string // as named, to a free one
	hosts map[string]string // addresses of bind, to one of loopback
	paths map[string]string
}

func newStage(t *testing.T, dir string) *stage {
	return &stage{t, dir, map[string]string{}, map[string]string{}, map[string]string{}}
}

var (
	endpoint = regexp.MustCompile(`(\S*?):(\d+)$`)
	ours     = regexp.MustCompile(`^(subscribers|census|sinkhole|recursor|express)( \{)?$`)
	listens  = []string{"health", "ready", "prometheus", "pprof"}
)

// adapt rewrites a Corefile line by line. What is only the block of a directive
// gets a server block around it, and a state is given where none is.
func (s *stage) adapt(text string, directives []string) string {
	first := strings.Fields(firstLine(text))
	if len(first) > 0 && slices.Contains(directives, first[0]) {
		text = ".:53 {\n" + text
		if first[0] != "recursor" && !strings.Contains(text, "\nforward ") && !strings.Contains(text, "\nrecursor") {
			text += "recursor\n"
		}
		text += "}\n"
	}
	stated := regexp.MustCompile(`(?m)^\s*state `).MatchString(text)
	var out []string
	depth := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		word := strings.TrimSpace(line)
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case depth == 0 && strings.HasSuffix(word, "{") && !strings.HasPrefix(word, "("):
			line = s.keys(word)
		default:
			line = s.option(line)
		}
		out = append(out, line)
		if m := ours.FindStringSubmatch(word); m != nil && depth > 0 && !stated {
			stated = true
			last := len(out) - 1
			if m[2] == "" {
				out[last] += " {"
			}
			out = append(out, "state "+s.path("/var/lib/sinkhole", "state"))
			if m[2] == "" {
				out = append(out, "}")
			}
		}
		if strings.HasSuffix(word, "{") {
			depth++
		} else if word == "}" {
			depth--
		}
	}
	return strings.Join(out, "\n") + "\n"
}

func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

// keys moves the keys of a server block: "tls://.:853 {" to a free port.
func (s *stage) keys(line string) string {
	fields := strings.FieldsFunc(strings.TrimSuffix(line, "{"), func(c rune) bool { return c == ' ' || c == ',' })
	for i, key := range fields {
		if m := endpoint.FindStringSubmatch(key); m != nil {
			fields[i] = m[1] + ":" + s.port(m[2])
			continue
		}
		port := "53"
		if scheme, _, ok := strings.Cut(key, "://"); ok {
			port = scheme // the default port of the scheme, one each
		}
		fields[i] = key + ":" + s.port(port)
	}
	return strings.Join(fields, " ") + " {"
}

// option moves the addresses and paths of one line inside a block.
func (s *stage) option(line string) string {
	fields := strings.Fields(line)
	if i := slices.Index(fields, "#"); i >= 0 {
		fields = fields[:i]
	}
	for i, f := range fields[1:] {
		switch {
		case strings.HasPrefix(f, "/dev/"), strings.HasPrefix(f, "/usr/"), f == "/":
		case fields[0] == "bind" && net.ParseIP(f) != nil:
			fields[i+1] = s.host(f)
		case slices.Contains(listens, fields[0]) && endpoint.MatchString(f):
			fields[i+1] = "127.0.0.1:" + s.port(f)
		case strings.HasPrefix(f, "/"), i == 0 && slices.Contains([]string{"lists", "state", "classes"}, fields[0]):
			fields[i+1] = s.path(f, fields[0])
		}
	}
	if slices.Contains(listens, fields[0]) && (len(fields) == 1 || fields[1] == "{") {
		fields = slices.Insert(fields, 1, "127.0.0.1:"+s.port(fields[0]))
	}
	return strings.Join(fields, " ")
}

func (s *stage) port(named string) string {
	if s.ports[named] == "" {
		s.ports[named] = freePort(s.t)
	}
	return s.ports[named]
}

// freePort is a port that is free on TCP and UDP of every address.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		pc, err := net.ListenPacket("udp", ":"+port)
		ln.Close()
		if err == nil {
			pc.Close()
			return port
		}
	}
	t.Fatal("no port is free on both TCP and UDP")
	return ""
}

// host gives each address of an example one of loopback: 127.0.0.2 and up, and
// ::1 for IPv6, of which loopback has one only.
func (s *stage) host(named string) string {
	ip := net.ParseIP(named)
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		return named
	case ip.To4() == nil:
		return "::1"
	}
	if s.hosts[named] == "" {
		s.hosts[named] = fmt.Sprintf("127.0.0.%d", 2+len(s.hosts))
	}
	return s.hosts[named]
}

// path gives each path of an example one in the stage's folder, and makes what
// must be there: a folder, a certificate and its key, or a file.
func (s *stage) path(named, option string) string {
	if moved, ok := s.paths[named]; ok {
		return moved
	}
	moved := filepath.Join(s.dir, strings.TrimPrefix(filepath.Clean(named), "/"))
	s.paths[named] = moved
	var err error
	switch option {
	case "lists", "classes":
		err = os.MkdirAll(moved, 0o755)
	case "state": // made by the server
	case "tls":
		err = s.certificate(filepath.Dir(moved))
	case "trust-anchor":
		err = copyFile(moved, "/usr/share/dns/root.key")
	default:
		err = copyFile(moved, os.DevNull)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return moved
}

func copyFile(dst, src string) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	return os.WriteFile(dst, text, 0o600)
}

// certificate writes a certificate and its key under the names that ACME clients
// use, into dir.
func (s *stage) certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"resolver.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for _, name := range []string{"fullchain.pem", "cert.pem", "tls.crt"} {
		if err := os.WriteFile(filepath.Join(dir, name), certPEM, 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"privkey.pem", "key.pem", "tls.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), keyPEM, 0o600); err != nil {
			return err
		}
	}
	return nil
}
