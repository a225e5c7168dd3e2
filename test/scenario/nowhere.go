package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// place is something that was written or is shown.
type place struct {
	name string
	text []byte
}

// nowhere wants none of the texts in any place: as text, as a name in wire form,
// as the octets of an address.
func (w *world) nowhere(args []string) (string, error) {
	if len(args) == 0 {
		return "", usage("NOWHERE TEXT...", args)
	}
	places, err := w.places()
	if err != nil {
		return "", err
	}
	var found []string
	octets := 0
	for _, p := range places {
		octets += len(p.text)
		for _, text := range args {
			if form := contains(p, text); form != "" {
				found = append(found, fmt.Sprintf("%s holds %s, %s", p.name, text, form))
			}
		}
	}
	out := fmt.Sprintf("searched %d places, %d octets\n", len(places), octets)
	if found != nil {
		return out, errors.New(strings.Join(found, "\n"))
	}
	if octets == 0 {
		return out, errors.New("there was nothing to search")
	}
	return out, nil
}

// contains says in which form p holds text; "" is none.
func contains(p place, text string) string {
	low := bytes.ToLower(p.text)
	if bytes.Contains(low, []byte(strings.ToLower(text))) {
		return "as text"
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		raw := addr.AsSlice()
		// Four octets turn up by chance; the eight of a /56 and more do not.
		if addr.Is6() && bytes.Contains(p.text, raw[:8]) {
			return "as octets"
		}
		return ""
	}
	wire, err := octets([]string{"name:" + text})
	if err == nil && len(wire) > 8 && bytes.Contains(low, bytes.ToLower(wire[:len(wire)-1])) {
		return "in wire form"
	}
	return ""
}

// places are the state, the logs, the metrics, and what the verbs show.
func (w *world) places() ([]place, error) {
	var all []place
	state := w.getenv("SINKHOLE_STATE")
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // replaced meanwhile
		}
		if err != nil {
			return err
		}
		all = append(all, place{"the name of " + path, []byte(d.Name())})
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all = append(all, place{path, text})
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, l := range w.logs {
		all = append(all, place{fmt.Sprintf("the log of server %d", i+1), []byte(l.String())})
	}
	if _, err := w.live(); err != nil {
		return all, nil // it shows nothing any more
	}
	_, text, err := get(w.metricsURL())
	if err != nil {
		return nil, err
	}
	all = append(all, place{"the metrics", []byte(text)})
	for _, args := range [][]string{{"status"}, {"report"}} {
		for _, form := range []string{"table", "json", "csv"} {
			verb := append(args, "--state", state, "--output", form)
			out, said, code, err := w.run("sinkhole", verb...)
			if err != nil || code != 0 {
				return nil, fmt.Errorf("%v: exit %d, %w\n%s", verb, code, err, said)
			}
			all = append(all, place{strings.Join(args, " ") + " as " + form, []byte(out + said)})
		}
	}
	return all, nil
}
