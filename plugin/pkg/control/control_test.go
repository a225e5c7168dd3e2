package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fake answers with what it was asked.
type fake struct{ fail error }

func (f fake) Status(context.Context) (Status, error) {
	return Status{Version: "v1", Warnings: []string{"old <list>"}, Recursor: map[string]any{"up": true}}, f.fail
}

func (f fake) Explain(_ context.Context, q Question) (Explanation, error) {
	return Explanation{Name: q.Name, Type: q.Type, Client: q.Client}, f.fail
}

func (f fake) ExplainMany(ctx context.Context, all []Question) (answers []Answer, err error) {
	for _, q := range all {
		if q.Name == "" {
			answers = append(answers, Answer{Message: "no name"})
			continue
		}
		e, _ := f.Explain(ctx, q)
		answers = append(answers, Answer{Explanation: &e})
	}
	return answers, f.fail
}

func (f fake) Reload(_ context.Context, r ReloadRequest) (Lists, error) {
	return Lists{[]List{{File: r.Accept, State: StateInForce}}}, f.fail
}

func (f fake) Report(_ context.Context, r ReportRequest) (json.RawMessage, error) {
	b, _ := json.Marshal(r)
	return b, f.fail
}

func (f fake) Reveal(_ context.Context, who string, r RevealRequest) (Boxes, error) {
	boxes := map[string][]byte{"who": []byte(who), "reason": []byte(r.Reason)}
	for _, c := range r.Clients {
		boxes[c] = []byte{0, 0xff}
	}
	return Boxes{boxes}, f.fail
}

// start runs a server over b and gives a client of it.
func start(t *testing.T, b Backend) *Client {
	t.Helper()
	state := t.TempDir()
	ln, err := Listen(state)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewServer(b).Run(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := os.Stat(Socket(state)); !os.IsNotExist(err) {
			t.Errorf("the socket is still there after Run: %v", err)
		}
	})
	return NewClient(state)
}

func TestEveryRequestArrivesWhole(t *testing.T) {
	c, ctx := start(t, fake{}), t.Context()

	status, err := c.Status(ctx)
	if want, _ := (fake{}).Status(ctx); err != nil || !reflect.DeepEqual(status, want) {
		t.Errorf("Status: got %+v, %v; want %+v", status, err, want)
	}

	q := Question{Name: "a b&c=d\x00.\xff.example", Type: "HTTPS", Client: "2001:db8::1"}
	e, err := c.Explain(ctx, q)
	// JSON holds text: an octet that is no UTF-8 comes back as the replacement character.
	if want := strings.ToValidUTF8(q.Name, "\ufffd"); err != nil || e.Name != want || e.Type != q.Type || e.Client != q.Client {
		t.Errorf("Explain: got %+v, %v; want %+v", e, err, q)
	}

	many, err := c.ExplainMany(ctx, []Question{{Name: "a\n"}, {}, {Name: "b", Type: "TXT", Client: "192.0.2.1"}})
	if err != nil || len(many) != 3 || many[0].Explanation.Name != "a\n" || many[1].Message != "no name" || many[2].Explanation.Client != "192.0.2.1" {
		t.Errorf("ExplainMany: got %+v, %v", many, err)
	}
	if _, err := c.ExplainMany(ctx, make([]Question, MaxQuestions+1)); err == nil || err.Error() != "1001 questions; want at most 1000" {
		t.Errorf("too many questions: got %v", err)
	}

	lists, err := c.Reload(ctx, ReloadRequest{Accept: "c2/a b.txt"})
	if err != nil || len(lists.Lists) != 1 || lists.Lists[0].File != "c2/a b.txt" {
		t.Errorf("Reload: got %+v, %v", lists, err)
	}

	var got ReportRequest
	want := ReportRequest{Level: "suspected", Since: 90 * time.Minute, Limit: 7}
	report, err := c.Report(ctx, want)
	if json.Unmarshal(report, &got); err != nil || got != want {
		t.Errorf("Report: got %+v, %v; want %+v", got, err, want)
	}

	boxes, err := c.Reveal(ctx, RevealRequest{Reason: "ticket 7", Clients: []string{"c-1", "c-2"}})
	if err != nil || string(boxes.Boxes["c-2"]) != "\x00\xff" || string(boxes.Boxes["reason"]) != "ticket 7" {
		t.Errorf("Reveal: got %q, %v", boxes, err)
	}
	if me, _ := user.Current(); !strings.HasPrefix(string(boxes.Boxes["who"]), "uid "+me.Uid) {
		t.Errorf("Reveal: the kernel says %q asks; want uid %s", boxes.Boxes["who"], me.Uid)
	}
}

func TestARefusalArrivesAsItsSentence(t *testing.T) {
	fail := errors.New(`"pay..example": empty label`)
	c, ctx := start(t, fake{fail}), t.Context()
	for name, ask := range map[string]func() error{
		"status":  func() error { _, err := c.Status(ctx); return err },
		"explain": func() error { _, err := c.Explain(ctx, Question{}); return err },
		"many":    func() error { _, err := c.ExplainMany(ctx, []Question{{}}); return err },
		"reload":  func() error { _, err := c.Reload(ctx, ReloadRequest{}); return err },
		"report":  func() error { _, err := c.Report(ctx, ReportRequest{}); return err },
		"reveal":  func() error { _, err := c.Reveal(ctx, RevealRequest{}); return err },
	} {
		if err := ask(); err == nil || err.Error() != fail.Error() {
			t.Errorf("%s: got %v; want %v", name, err, fail)
		}
	}
}

func TestRequestsOutOfRangeAreRefused(t *testing.T) {
	c, ctx := start(t, fake{}), t.Context()
	for name, row := range map[string]struct {
		path, key, value, want string
	}{
		"negative duration": {"/report", "since", "-1h", `since "-1h": want a duration such as 24h`},
		"no number":         {"/report", "limit", "x", `limit "x": want a whole number`},
		"unknown path":      {"/nosuch", "", "", "is another version of sinkhole running?"},
	} {
		var into any
		err := c.get(ctx, row.path, url.Values{row.key: {row.value}}, &into)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %s", name, err, row.want)
		}
	}
}

func TestListen(t *testing.T) {
	t.Run("the socket is for owner and group", func(t *testing.T) {
		state := t.TempDir()
		ln, err := Listen(state)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		st, err := os.Stat(Socket(state))
		if err != nil || st.Mode().Perm() != 0o660 {
			t.Errorf("got mode %v, %v; want 0660", st.Mode(), err)
		}
	})
	t.Run("a socket left behind is replaced", func(t *testing.T) {
		state := t.TempDir()
		old, err := Listen(state)
		if err != nil {
			t.Fatal(err)
		}
		old.(*net.UnixListener).SetUnlinkOnClose(false)
		old.Close() // as after kill -9: the file stays
		ln, err := Listen(state)
		if err != nil {
			t.Fatalf("got %v; want the dead socket replaced", err)
		}
		ln.Close()
	})
	t.Run("a file that is no socket is left alone", func(t *testing.T) {
		state := t.TempDir()
		os.WriteFile(Socket(state), []byte("mine"), 0o600)
		if _, err := Listen(state); err == nil || !strings.Contains(err.Error(), "is no socket") {
			t.Errorf("got %v; want a refusal", err)
		}
		if b, _ := os.ReadFile(Socket(state)); string(b) != "mine" {
			t.Errorf("the file now holds %q", b)
		}
	})
}

func TestWithoutAServerTheClientSaysWhatToDo(t *testing.T) {
	state := t.TempDir()
	for name, prepare := range map[string]func(){
		"no socket": func() {},
		"a dead socket": func() {
			ln, _ := Listen(state)
			ln.(*net.UnixListener).SetUnlinkOnClose(false)
			ln.Close()
		},
	} {
		prepare()
		_, err := NewClient(state).Status(t.Context())
		if !errors.Is(err, ErrNoServer) || !strings.HasPrefix(err.Error(), filepath.Join(state, SocketName)+": ") {
			t.Errorf("%s: got %v; want %v", name, err, ErrNoServer)
		}
	}
}
