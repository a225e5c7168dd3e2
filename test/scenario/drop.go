package scenario

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// A slow write comes in so many parts, with pauses shorter than any settle.
	slowParts = 8
	slowPause = 300 * time.Millisecond
)

// drop puts a file of the script into the drop folder.
func (w *world) drop(args []string) (string, error) {
	if len(args) != 3 {
		return "", usage("DROP cp|mv|slow|gz|zst FILE TO", args)
	}
	from, to := filepath.Join(w.dir, args[1]), filepath.Join(w.getenv("SINKHOLE_LISTS"), args[2])
	text, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	switch args[0] {
	case "cp":
		return "", os.WriteFile(to, text, 0o644)
	case "mv":
		return "", os.Rename(from, to)
	case "slow":
		return "", slowly(to, text)
	case "gz":
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(text)
		z.Close()
		return "", os.WriteFile(to, b.Bytes(), 0o644)
	case "zst":
		z, err := zstd.NewWriter(nil)
		if err != nil {
			return "", err
		}
		return "", os.WriteFile(to, z.EncodeAll(text, nil), 0o644)
	}
	return "", usage("DROP cp|mv|slow|gz|zst FILE TO", args)
}

func slowly(to string, text []byte) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range slowParts {
		if _, err := f.Write(text[len(text)*i/slowParts : len(text)*(i+1)/slowParts]); err != nil {
			return err
		}
		time.Sleep(slowPause)
	}
	return f.Close()
}
