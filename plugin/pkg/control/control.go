// Package control is the socket between the verbs and a running server:
// HTTP with JSON on STATE/control.sock, guarded by the file's permissions (0660).
//
// # Requests
//
//	GET  /status                             Status
//	GET  /explain?name=&type=&client=        Explanation
//	POST /explain  {"questions": []}         Answers: for many names at once
//	GET  /report?level=&since=&limit=        the report's own JSON
//	POST /reload   {"accept": "file"}        Lists
//	POST /reveal   {"reason": "", "clients": []}   Boxes: sealed identities
//
// A refusal is a status code of 400 or above and {"message": "one sentence"}.
// Who asked is the user of the process at the other end, as the kernel says it
// (SO_PEERCRED), never what the request claims.
//
// Any HTTP client reaches it: curl --unix-socket STATE/control.sock http://-/status
package control

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"
)

// SocketName is the socket's file in the state directory.
const SocketName = "control.sock"

// Socket is the path of the socket of the server whose state lies in state.
func Socket(state string) string { return filepath.Join(state, SocketName) }

// Backend is the running server as the socket shows it. Its methods may be
// called at once from several goroutines; an error's text is shown to the caller
// as it is.
type Backend interface {
	Status(ctx context.Context) (Status, error)
	Explain(ctx context.Context, q Question) (Explanation, error)
	// ExplainMany answers each question in its place, in little more time than
	// one: an error says that none can be answered.
	ExplainMany(ctx context.Context, q []Question) ([]Answer, error)
	// Reload looks at the lists now. The lists are returned also where some were
	// refused; an error says that it could not look.
	Reload(ctx context.Context, r ReloadRequest) (Lists, error)
	// Report is the report as its package writes it.
	Report(ctx context.Context, r ReportRequest) (json.RawMessage, error)
	// Reveal writes the audit log, and then hands out sealed identities.
	Reveal(ctx context.Context, who string, r RevealRequest) (Boxes, error)
}

// Question asks what decides a name.
type Question struct {
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"`   // empty: A
	Client string `json:"client,omitempty"` // an address; empty: none in particular
}

// ReloadRequest asks for a look at the lists.
type ReloadRequest struct {
	// Accept is the file that only the shrink guard holds back and that is taken
	// all the same.
	Accept string `json:"accept,omitempty"`
}

// ReportRequest says how much of the report is wanted.
type ReportRequest struct {
	Level string        // the lowest level; empty: all
	Since time.Duration // zero: a day
	Limit int           // zero: all
}

// RevealRequest asks for the sealed identities of clients.
type RevealRequest struct {
	Reason  string   `json:"reason"`
	Clients []string `json:"clients"`
}

// Boxes are sealed identities by identifier. Only the holder of the reveal key
// can open them.
type Boxes struct {
	Boxes map[string][]byte `json:"boxes"`
}

// Limits of the socket. Who may connect may administer, so they guard against
// accidents, not against attack.
const (
	maxRequestBytes   = 4 << 20          // a reveal of every line a report can hold
	maxReplyBytes     = 512 << 20        // a report with all its evidence
	readTimeout       = 10 * time.Second // a whole request
	idleTimeout       = 60 * time.Second // a connection between two requests
	answerTimeout     = 30 * time.Second // all but reload
	reloadTimeout     = 10 * time.Minute // a hundred million names on a slow disk
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 3 * time.Second // an answer that is on its way when the server stops
	socketMode        = 0o660
	connectTimeout    = 5 * time.Second
	applicationJSON   = "application/json"
	headerContentType = "Content-Type"
)
