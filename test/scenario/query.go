package scenario

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

func (w *world) query(args []string) (string, error) {
	asked, wanted := split(args)
	q, err := w.ask(asked)
	if err != nil {
		return "", err
	}
	answer := w.answer
	if slices.Contains(wanted, "silence") {
		answer = w.answerOrSilence
	}
	found, err := answer(q)
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(asked, " "), err)
	}
	if err := hold(found, wanted); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(asked, " "), err)
	}
	return strings.Join(found, " ") + "\n", nil
}

// outcome is what came of a question.
type outcome struct {
	words []string
	err   error
}

// askBehind asks while the script goes on, which it does once the question is on
// its way to an authoritative server or has been answered.
func (w *world) askBehind(args []string) (string, error) {
	if len(args) < 3 || w.asked[args[0]] != nil {
		return "", usage("ASK LABEL NAME TYPE [+FLAG...]", args)
	}
	q, err := w.ask(args[1:])
	if err != nil {
		return "", err
	}
	done := make(chan outcome, 1)
	w.asked[args[0]] = done
	go func() {
		words, err := w.answer(q)
		done <- outcome{words, err}
	}()
	for end := time.Now().Add(patience); len(w.Net.Asked(q.name)) == 0 && len(done) == 0; time.Sleep(again) {
		if time.Now().After(end) {
			return "", fmt.Errorf("%s was neither asked for nor answered", q.name)
		}
	}
	return "", nil
}

func (w *world) got(args []string) (string, error) {
	before, wanted := split(args)
	if len(before) != 1 || w.asked[before[0]] == nil {
		return "", usage("GOT LABEL -> WORD..., after ASK", args)
	}
	o := <-w.asked[before[0]]
	if o.err != nil {
		return "", o.err
	}
	return "", hold(o.words, wanted)
}

// answer asks once and gives the answer in words.
func (w *world) answer(q question) ([]string, error) {
	m, payload, err := q.packed()
	if err != nil {
		return nil, err
	}
	raw, err := w.exchange(q, payload)
	if err != nil {
		return nil, err
	}
	if q.network == "doq" {
		m.Id = 0
	}
	return answerWords(raw, m)
}

// answerOrSilence is answer by sendOctets, which need not wait for silence.
func (w *world) answerOrSilence(q question) ([]string, error) {
	_, payload, err := q.packed()
	if err != nil {
		return nil, err
	}
	sentinel := q
	sentinel.name, sentinel.rrtype = "localhost", "A"
	return w.sendOctets(sentinel, payload)
}

func (q question) packed() (*dns.Msg, []byte, error) {
	m, err := q.message(0)
	if err != nil {
		return nil, nil, err
	}
	payload, err := m.Pack()
	return m, payload, err
}

// wire sends octets as they are. Behind them on the same socket goes a sound
// question, the sentinel: what was not answered when that one is was met with
// silence, and no time was spent on it.
func (w *world) wire(args []string) (string, error) {
	sent, wanted := split(args)
	var parts, flags []string
	for _, a := range sent {
		if strings.HasPrefix(a, "+") {
			flags = append(flags, a)
		} else {
			parts = append(parts, a)
		}
	}
	payload, err := octets(parts)
	if err != nil {
		return "", err
	}
	ways := [][]string{{"+udp"}, {"+tcp"}, {"+udp", "+6"}, {"+tcp", "+6"}}
	if len(flags) > 0 {
		ways = [][]string{nil}
	}
	for _, way := range ways {
		q, err := w.ask(append([]string{"localhost", "A"}, append(way, flags...)...))
		if err != nil {
			return "", err
		}
		found, err := w.sendOctets(q, payload)
		if err == nil {
			err = hold(found, wanted)
		}
		if err != nil {
			return "", fmt.Errorf("%s %x: %w", strings.Join(way, " "), payload, err)
		}
	}
	return "", nil
}

func octets(parts []string) ([]byte, error) {
	var all []byte
	for _, p := range parts {
		if name, ok := strings.CutPrefix(p, "name:"); ok {
			buf := make([]byte, 256)
			n, err := dns.PackDomainName(dns.Fqdn(name), buf, 0, nil, false)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", errUsage, p, err)
			}
			all = append(all, buf[:n]...)
			continue
		}
		raw, err := hex.DecodeString(p)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errUsage, p, err)
		}
		all = append(all, raw...)
	}
	return all, nil
}

// sentinelID is no script's.
const sentinelID = 0x5e17

func (w *world) sendOctets(q question, payload []byte) ([]string, error) {
	conn, err := dial(q)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(answerWithin))
	m, _, err := q.packed()
	if err != nil {
		return nil, err
	}
	m.Id = sentinelID
	sentinel, err := m.Pack()
	if err != nil {
		return nil, err
	}
	first, err := talk(conn, q.network == "tcp", payload, sentinel)
	if err != nil {
		return nil, err
	}
	return answerWords(first, nil)
}

// talk sends both and returns what answers the first; nil when nothing does.
func talk(conn net.Conn, stream bool, payload, sentinel []byte) ([]byte, error) {
	for _, p := range [][]byte{payload, sentinel} {
		if stream {
			p = append([]byte{byte(len(p) >> 8), byte(len(p))}, p...)
		}
		if _, err := conn.Write(p); err != nil {
			return nil, nil // the server has closed: it says nothing
		}
	}
	var first []byte
	for seen := false; first == nil || !seen; {
		raw, err := read(conn, stream)
		switch {
		case err != nil && (stream || seen): // closed, or quiet
			return first, nil
		case err != nil:
			return nil, fmt.Errorf("the sound question behind it was not answered: %w", err)
		case len(raw) >= 2 && raw[0] == sentinelID>>8 && raw[1] == sentinelID&0xff:
			seen = true
			conn.SetReadDeadline(time.Now().Add(quiet))
		default:
			first = raw
		}
	}
	return first, nil
}

func read(conn net.Conn, stream bool) ([]byte, error) {
	if stream {
		raw, err := readFramed(conn)
		if err == nil && raw == nil {
			err = errors.New("the server closed the connection")
		}
		return raw, err
	}
	buf := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buf)
	return buf[:n], err
}
