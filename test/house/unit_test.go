package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is what README.md promises of its unit, on the scale from 0 to 10
// of systemd-analyze security.
const maxExposure = 2.0

var exposure = regexp.MustCompile(`exposure level for sinkhole.service: ([0-9.]+)`)

// TestUnit has systemd rate the unit that README.md shows.
func TestUnit(t *testing.T) {
	blocks := fences(loadTree(t).Files["README.md"], "ini")
	if len(blocks) != 1 {
		t.Fatalf("README.md shows %d units, want one", len(blocks))
	}
	rated := rate(t, blocks[0].Text())
	if rated > maxExposure {
		t.Errorf("the unit is rated %.1f, want at most %.1f", rated, maxExposure)
	}
	// A unit without its hardening must fail, or the rating rates nothing.
	bare, _, _ := strings.Cut(blocks[0].Text(), "\nCapabilityBoundingSet")
	if rated := rate(t, bare); rated <= maxExposure {
		t.Errorf("a unit without hardening is rated %.1f", rated)
	}
}

func rate(t *testing.T, unit string) float64 {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze")
	}
	name := filepath.Join(t.TempDir(), "sinkhole.service")
	if err := os.WriteFile(name, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", name).CombinedOutput()
	m := exposure.FindSubmatch(out)
	if m == nil {
		t.Skipf("needs a systemd-analyze that rates a file: %s", out)
	}
	rated, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return rated
}
