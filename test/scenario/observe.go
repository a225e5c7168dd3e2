package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// get fetches a page of the server on a connection of its own.
func get(url string) (int, string, error) {
	client := http.Client{Timeout: answerWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func (w *world) http(args []string) (string, error) {
	before, wanted := split(args)
	if len(before) != 1 {
		return "", usage("HTTP URL -> WORD...", args)
	}
	status, body, err := get(before[0])
	if err != nil {
		return "", err
	}
	found := append([]string{fmt.Sprintf("status=%d", status)}, strings.Split(strings.TrimSpace(body), "\n")...)
	return body, hold(found, wanted)
}

// metricsURL is where the scripts' Corefiles show metrics; METRICS in the
// environment is where another does.
func (w *world) metricsURL() string {
	if url := w.getenv("METRICS"); url != "" {
		return url
	}
	return fmt.Sprintf("http://%s:9153/metrics", w.addr4)
}

func (w *world) metric(args []string) (string, error) {
	before, wanted := split(args)
	if len(before) != 1 {
		return "", usage("METRIC NAME[{LABEL=\"VALUE\",...}] -> WORD...", args)
	}
	_, text, err := get(w.metricsURL())
	if err != nil {
		return "", err
	}
	n, series := sum(text, before[0])
	found := []string{fmt.Sprintf("series=%d", series)}
	if series > 0 {
		found = append(found, "n="+strconv.FormatFloat(n, 'f', -1, 64))
	}
	return strings.Join(found, " ") + "\n", hold(found, wanted)
}

// sum adds up the series of a metric that hold all labels of the pattern.
func sum(text, pattern string) (total float64, series int) {
	name, labels, _ := strings.Cut(strings.TrimSuffix(pattern, "}"), "{")
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		at := strings.LastIndex(rest, " ")
		n, err := strconv.ParseFloat(strings.TrimSpace(rest[at:]), 64)
		fits := err == nil
		for _, l := range strings.Split(labels, ",") {
			fits = fits && strings.Contains(rest[:at], l)
		}
		if fits {
			total += n
			series++
		}
	}
	return total, series
}

// json walks the JSON that the command before printed.
func (w *world) json(args []string) (string, error) {
	before, wanted := split(args)
	var v any
	if err := json.Unmarshal([]byte(w.stdout()), &v); err != nil {
		return "", fmt.Errorf("the last output is no JSON: %w", err)
	}
	v, err := walk(v, before)
	if err != nil {
		return "", err
	}
	// The output stays for the JSON behind this one.
	return w.stdout(), hold(valueWords(v), wanted)
}

// walk takes a step into v at a time: a key, a number, or KEY=VALUE of what an
// element holds.
func walk(v any, steps []string) (any, error) {
	for _, step := range steps {
		if step == "." {
			continue
		}
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return nil, fmt.Errorf("%s: no %q among %v", steps, step, slices.Sorted(maps.Keys(at)))
			}
			v = next
		case []any:
			next, err := pick(at, step)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", steps, err)
			}
			v = next
		default:
			return nil, fmt.Errorf("%s: %q of %v", steps, step, v)
		}
	}
	return v, nil
}

func pick(list []any, step string) (any, error) {
	key, value, ok := strings.Cut(step, "=")
	if !ok {
		if n, err := strconv.Atoi(step); err == nil && n < len(list) {
			return list[n], nil
		}
		return nil, fmt.Errorf("no %q of %d", step, len(list))
	}
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && fmt.Sprint(m[key]) == value {
			return e, nil
		}
	}
	text, _ := json.Marshal(list)
	return nil, fmt.Errorf("none has %s: %s", step, text)
}

// list holds a file of the drop folder, as status shows it, to words.
func (w *world) list(args []string) (string, error) {
	before, wanted := split(args)
	if len(before) != 1 {
		return "", usage("LIST FILE -> WORD...", args)
	}
	out, said, code, err := w.run("sinkhole", "status", "--state", w.getenv("SINKHOLE_STATE"), "--output", "json")
	if err != nil || code != 0 {
		return "", fmt.Errorf("status: exit %d, %w\n%s", code, err, said)
	}
	var status struct{ Lists []map[string]any }
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return "", err
	}
	for _, l := range status.Lists {
		if l["file"] != before[0] {
			continue
		}
		var found []string
		for _, key := range slices.Sorted(maps.Keys(l)) {
			found = append(found, fmt.Sprintf("%s=%v", key, l[key]))
		}
		return "", hold(found, wanted)
	}
	return "", hold([]string{"none"}, wanted)
}

// valueWords are a value's text, n=NUMBER, len=N, keys=A,B and its kind.
func valueWords(v any) []string {
	switch v := v.(type) {
	case nil:
		return []string{"null"}
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{"number", "n=" + strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		words := []string{"list", fmt.Sprintf("len=%d", len(v))}
		for _, e := range v {
			if s, ok := e.(string); ok {
				words = append(words, s)
			}
		}
		return words
	case map[string]any:
		return []string{"object", "keys=" + strings.Join(slices.Sorted(maps.Keys(v)), ",")}
	}
	s := v.(string)
	words := []string{"text", s}
	if t, err := time.Parse(time.RFC3339, s); err == nil && t.Location() == time.UTC {
		words = append(words, "time")
	}
	return words
}

func (w *world) seen(args []string) (string, error) {
	if len(args) != 1 {
		return "", usage("SEEN NAME", args)
	}
	if len(w.Net.Asked(args[0])) == 0 {
		return "", fmt.Errorf("no authoritative server was asked for %s", args[0])
	}
	return "", nil
}

func (w *world) unseen(args []string) (string, error) {
	if len(args) != 1 {
		return "", usage("UNSEEN NAME", args)
	}
	if all := w.Net.Asked(args[0]); len(all) > 0 {
		return "", fmt.Errorf("the authoritative servers were asked: %v", all)
	}
	return "", nil
}

func (w *world) internet(args []string) (string, error) {
	switch {
	case len(args) == 3 && args[0] == "delay":
		d, err := time.ParseDuration(args[2])
		if err == nil {
			w.Net.SetDelay(args[1], d)
		}
		return "", err
	case len(args) == 3 && args[0] == "silent":
		w.Net.SetSilent(args[1], args[2] == "on")
		return "", nil
	case len(args) >= 3 && args[0] == "edit":
		q, err := question{name: args[1], rrtype: args[2]}.message(0)
		if err != nil {
			return "", err
		}
		return "", w.Net.Edit(q.Question[0].Name, q.Question[0].Qtype, args[3:]...)
	}
	return "", usage("INTERNET delay SERVER D | silent SERVER on|off | edit NAME TYPE DATA...", args)
}

func (w *world) exits(args []string) (string, error) {
	if len(args) < 2 {
		return "", usage("EXITS CODE COMMAND...", args)
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return "", usage("EXITS CODE COMMAND...", args)
	}
	out, said, code, err := w.run(args[1], args[2:]...)
	if err == nil && code != want {
		err = fmt.Errorf("exit %d, want %d\n%s%s", code, want, out, said)
	}
	return out, err
}

// run runs a program to its end.
func (w *world) run(name string, args ...string) (out, said string, code int, err error) {
	if name == "sinkhole" {
		name = w.Binary
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = w.dir, w.environ()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return stdout.String(), stderr.String(), exit.ExitCode(), nil
	}
	return stdout.String(), stderr.String(), 0, err
}

func (w *world) reload(args []string) (string, error) {
	code := "0"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		code, args = args[0], args[1:]
	}
	verb := []string{code, "sinkhole", "reload", "--state", w.getenv("SINKHOLE_STATE"), "--output", "json"}
	return w.exits(append(verb, args...))
}
