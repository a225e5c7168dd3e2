package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
)

// ErrNoServer says that nobody listens on the socket.
var ErrNoServer = errors.New("no server runs here")

// Client asks a running server. Any number of goroutines may use it.
type Client struct {
	path string
	http http.Client
}

// NewClient is a client of the server whose state lies in state. It connects
// when it is first used.
func NewClient(state string) *Client {
	c := &Client{path: Socket(state)}
	dialer := net.Dialer{Timeout: connectTimeout}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", c.path)
		},
		MaxIdleConnsPerHost: 4,
	}
	return c
}

// Status says how the server is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, "/status", nil, &s)
}

// Explain says what decides a name.
func (c *Client) Explain(ctx context.Context, q Question) (e Explanation, err error) {
	return e, c.get(ctx, "/explain", url.Values{"name": {q.Name}, "type": {q.Type}, "client": {q.Client}}, &e)
}

// ExplainMany says what decides each of many names, up to MaxQuestions.
func (c *Client) ExplainMany(ctx context.Context, q []Question) ([]Answer, error) {
	var a Answers
	if err := c.post(ctx, "/explain", Questions{q}, &a); err != nil {
		return nil, err
	}
	if len(a.Answers) != len(q) {
		return nil, fmt.Errorf("%s: gave %d answers to %d questions; is another version of sinkhole running?", c.path, len(a.Answers), len(q))
	}
	return a.Answers, nil
}

// Report is the report as its package wrote it.
func (c *Client) Report(ctx context.Context, r ReportRequest) (report json.RawMessage, err error) {
	q := url.Values{}
	if r.Level != "" {
		q.Set("level", r.Level)
	}
	if r.Since > 0 {
		q.Set("since", r.Since.String())
	}
	if r.Limit > 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	return report, c.get(ctx, "/report", q, &report)
}

// Reload has the server look at its lists, and returns when they are in force or
// refused.
func (c *Client) Reload(ctx context.Context, r ReloadRequest) (l Lists, err error) {
	return l, c.post(ctx, "/reload", r, &l)
}

// Reveal has the server write its audit log and hand out sealed identities.
func (c *Client) Reveal(ctx context.Context, r RevealRequest) (b Boxes, err error) {
	return b, c.post(ctx, "/reveal", r, &b)
}

func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sinkhole"+path+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	return c.do(req, into)
}

func (c *Client) post(ctx context.Context, path string, send, into any) error {
	data, err := json.Marshal(send)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sinkhole"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set(headerContentType, applicationJSON)
	return c.do(req, into)
}

func (c *Client) do(req *http.Request, into any) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return c.explain(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes))
	if err != nil {
		return c.explain(err)
	}
	if resp.StatusCode != http.StatusOK {
		var r refusal
		if json.Unmarshal(data, &r) == nil && r.Message != "" {
			return errors.New(r.Message)
		}
		return fmt.Errorf("%s: answered %s; is another version of sinkhole running?", c.path, resp.Status)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: answered what is no JSON of this version: %w", c.path, err)
	}
	return nil
}

// explain says in one sentence why the server could not be asked.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w; start it with sinkhole serve, or say where its state lies with --state DIR or --conf FILE", c.path, ErrNoServer)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: this user may not ask the server; want its user, its group, or root", c.path)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%s: the server did not answer: %w", c.path, err)
}
