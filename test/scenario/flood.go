package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// window is how many questions of a flood are on their way at once: few
	// enough that no socket's buffer overflows on loopback.
	window = 32
	// loaders ask in a load, each one question at a time.
	loaders = 3
	// stall is how long nothing of a flood may be answered.
	stall = 10 * time.Second
)

// flood asks COUNT times, by the name's %d for other names, and wants an answer
// to each.
func (w *world) flood(args []string) (string, error) {
	if len(args) < 3 {
		return "", usage("FLOOD COUNT NAME TYPE [+FLAG...]", args)
	}
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return "", usage("FLOOD COUNT NAME TYPE [+FLAG...]", args)
	}
	q, err := w.ask(args[1:])
	if err != nil {
		return "", err
	}
	for range max(1, q.crowd) {
		if err := floodFrom(q, count); err != nil {
			return "", fmt.Errorf("from %s: %w", q.from, err)
		}
		q.from = q.from.Next()
	}
	return "", nil
}

func floodFrom(q question, count int) error {
	conn, err := dial(q)
	if err != nil {
		return err
	}
	defer conn.Close()
	answered, err := pump(conn, q, count)
	if err == nil && answered < count {
		err = fmt.Errorf("%d of %d questions were not answered", count-answered, count)
	}
	return err
}

// pump keeps a window of questions on their way until all are answered, or none
// has been for a while.
func pump(conn net.Conn, q question, count int) (answered int, err error) {
	buf := make([]byte, dns.MaxMsgSize)
	waiting := map[uint16]bool{}
	for next := 0; answered < count; {
		for ; next < count && len(waiting) < window; next++ {
			n := next
			if q.names > 0 {
				n %= q.names
			}
			m, err := q.message(n)
			if err != nil {
				return answered, err
			}
			m.Id = uint16(next)
			payload, err := m.Pack()
			if err != nil {
				return answered, err
			}
			if q.network == "tcp" {
				payload = append([]byte{byte(len(payload) >> 8), byte(len(payload))}, payload...)
			}
			if _, err := conn.Write(payload); err != nil {
				return answered, err
			}
			waiting[m.Id] = true
		}
		conn.SetReadDeadline(time.Now().Add(stall))
		id, err := readID(conn, q.network == "tcp", buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answered, nil
		}
		if err != nil {
			return answered, err
		}
		if waiting[id] {
			delete(waiting, id)
			answered++
		}
	}
	return answered, nil
}

func readID(conn net.Conn, stream bool, buf []byte) (uint16, error) {
	raw := buf
	if stream {
		var err error
		if raw, err = read(conn, true); err != nil {
			return 0, err
		}
	} else {
		n, err := conn.Read(buf)
		if err != nil {
			return 0, err
		}
		raw = buf[:n]
	}
	if len(raw) < 2 {
		return 0, errors.New("an answer shorter than an ID")
	}
	return uint16(raw[0])<<8 | uint16(raw[1]), nil
}

// load asks one name without pause while something happens to it. Of each
// loader's answers in a row, a change of lists may turn passed into blocked once;
// an answer that is neither, or turns back, mixes two versions.
type load struct {
	w    *world
	q    question
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	count map[string]int
	odd   string // one answer that was wrong
}

func (w *world) load(args []string) (string, error) {
	before, wanted := split(args)
	switch {
	case len(before) >= 4 && before[0] == "begin" && w.loads[before[1]] == nil:
		q, err := w.ask(before[2:])
		if err != nil {
			return "", err
		}
		w.loads[before[1]] = startLoad(w, q)
		return "", nil
	case len(before) == 2 && before[0] == "end" && w.loads[before[1]] != nil:
		l := w.loads[before[1]]
		delete(w.loads, before[1])
		found := l.end()
		return strings.Join(found, " ") + "\n", hold(found, wanted)
	}
	return "", usage("LOAD begin LABEL NAME TYPE, then LOAD end LABEL -> WORD...", args)
}

func startLoad(w *world, q question) *load {
	l := &load{w: w, q: q, stop: make(chan struct{}), count: map[string]int{}}
	for range loaders {
		l.wg.Go(l.ask)
	}
	return l
}

func (l *load) ask() {
	last := ""
	for ended := false; !ended; {
		select {
		case <-l.stop:
			ended = true // and one more question
		default:
		}
		found, err := l.w.answer(l.q)
		last = l.note(last, kindOf(found, err), fmt.Sprint(found, err))
	}
}

// note counts an answer of a loader, whose answer before was of kind last.
func (l *load) note(last, kind, text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count["asked"]++
	l.count[kind]++
	if kind == "wrong" || kind == "lost" {
		l.odd = text
		return last
	}
	if last != "" && last != kind {
		l.count["turns"]++
	}
	return kind
}

// kindOf sorts an answer: blocked by its EDE, passed without one.
func kindOf(found []string, err error) string {
	switch {
	case err != nil || holds(found, "silence"):
		return "lost"
	case holds(found, "ede=4|ede=15") && holds(found, "NOERROR|NXDOMAIN"):
		return "blocked"
	case holds(found, "!ede") && holds(found, "NOERROR") && holds(found, "answers>=1"):
		return "passed"
	}
	return "wrong"
}

// end stops the loaders and says what they got.
func (l *load) end() []string {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.wg.Wait()
	var found []string
	for _, key := range []string{"asked", "passed", "blocked", "lost", "wrong", "turns"} {
		n := l.count[key]
		if key == "turns" && n%loaders == 0 {
			n /= loaders // each loader sees each turn
		}
		found = append(found, fmt.Sprintf("%s=%d", key, n))
	}
	if l.odd != "" {
		found = append(found, "odd="+l.odd)
	}
	return found
}
