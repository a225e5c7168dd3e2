package seal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Entry is one look at what is sealed. It holds no address.
type Entry struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Action  string    `json:"action"`
	Reason  string    `json:"reason"`
	Clients []string  `json:"clients"`
	// Prev is the SHA-256 of the line before, so that a line taken out or changed
	// later shows. Empty on the first line.
	Prev string `json:"prev"`
}

// Audit is the log of looks, one JSON object a line, only ever appended to.
type Audit struct {
	path string
	mu   sync.Mutex
}

// OpenAudit is the log at path, which is made by the first entry.
func OpenAudit(path string) *Audit { return &Audit{path: path} }

// maxAuditLine bounds one line of the log: 1 MiB holds 60,000 identifiers.
const maxAuditLine = 1 << 20

// Append writes e behind what is there, and returns when it is on the disk. On
// an error nothing may be revealed. Prev is filled in.
func (a *Audit) Append(e Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("audit log: %w; nothing is revealed without it", err)
	}
	defer f.Close()
	last, whole, err := lastLine(f)
	if err != nil {
		return fmt.Errorf("audit log: %w; nothing is revealed without it", err)
	}
	if e.Prev = ""; last != nil {
		e.Prev = digest(last)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(line) > maxAuditLine {
		return fmt.Errorf("audit log: an entry of %d octets; want at most %d: reveal fewer lines at once", len(line), maxAuditLine)
	}
	if !whole { // a power cut ended the last write early: keep what is there, start a line
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("audit log: %w; nothing is revealed without it", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("audit log: %w; nothing is revealed without it", err)
	}
	return nil
}

// lastLine is the last line of f without its end, nil when there is none; whole
// says that it has an end.
func lastLine(f *os.File) (line []byte, whole bool, err error) {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return nil, true, err
	}
	from := max(0, st.Size()-maxAuditLine-2)
	tail := make([]byte, st.Size()-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	whole = tail[len(tail)-1] == '\n'
	tail = bytes.TrimSuffix(tail, []byte{'\n'})
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	return tail, whole, nil
}

func digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// ReadAudit reads a log and checks its chain. All entries are returned; the
// error joins, by line, what is no entry and where the chain is broken.
func ReadAudit(r io.Reader) ([]Entry, error) {
	var entries []Entry
	var broken []error
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxAuditLine+2)
	prev := ""
	for n := 1; scan.Scan(); n++ {
		var e Entry
		switch err := json.Unmarshal(scan.Bytes(), &e); {
		case err != nil:
			broken = append(broken, fmt.Errorf("audit log:%d: no entry; a write was cut short", n))
		case e.Prev != prev:
			broken = append(broken, fmt.Errorf("audit log:%d: the line before it was changed or taken out", n))
			fallthrough
		default:
			entries = append(entries, e)
		}
		prev = digest(scan.Bytes())
	}
	return entries, errors.Join(append(broken, scan.Err())...)
}
