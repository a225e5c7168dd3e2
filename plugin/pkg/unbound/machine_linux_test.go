package unbound

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGroupLimit(t *testing.T) {
	root := t.TempDir()
	leaf := filepath.Join(root, "system.slice", "sinkhole.service")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(leaf, "memory.max"):                 "max\n",
		filepath.Join(root, "system.slice", "memory.max"): "1073741824\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	own := []byte("1:name=systemd:/old\n0::/system.slice/sinkhole.service\n")
	if got := groupLimit(root, own, 4<<30); got != 1<<30 {
		t.Errorf("got %d, want the group above", got)
	}
	if got := groupLimit(root, own, 1<<20); got != 1<<20 {
		t.Errorf("got %d, want the machine's", got)
	}
	if s := (Settings{}).complete(); s.Threads < 1 || s.Memory < minMemory || s.Memory > maxMemory {
		t.Errorf("the machine gives %+v", s)
	}
}
