package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Listen opens the socket of the server whose state lies in state, for its owner
// and its group. The caller holds the lock of the state: a socket that is there
// was left by a server that died, and is replaced.
func Listen(state string) (net.Listener, error) {
	path := Socket(state)
	if st, err := os.Lstat(path); err == nil {
		if st.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s: is no socket; move it away, the control socket stands there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("%s: a socket of an earlier server cannot be removed: %w", path, errors.Unwrap(err))
		}
	}
	// Until Chmod the umask (022 or narrower) and the directory (0750) keep others
	// out: connecting asks for write permission.
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be opened: %w; want a state directory that this user may write, and a path of at most 107 octets", path, err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// Server answers on a control socket.
type Server struct{ http http.Server }

// NewServer shows b.
func NewServer(b Backend) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := b.Status(r.Context())
		reply(w, status, err)
	})
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		e, err := b.Explain(r.Context(), Question{Name: q.Get("name"), Type: q.Get("type"), Client: q.Get("client")})
		reply(w, e, err)
	})
	mux.HandleFunc("POST /explain", func(w http.ResponseWriter, r *http.Request) {
		var q Questions
		err := body(r, &q)
		if len(q.Questions) > MaxQuestions {
			err = fmt.Errorf("%d questions; want at most %d", len(q.Questions), MaxQuestions)
		}
		if err != nil {
			reply(w, nil, err)
			return
		}
		all, err := b.ExplainMany(r.Context(), q.Questions)
		reply(w, Answers{all}, err)
	})
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) {
		req, err := reportRequest(r)
		if err != nil {
			reply(w, nil, err)
			return
		}
		report, err := b.Report(r.Context(), req)
		reply(w, report, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		// Reading lists may take longer than any other answer.
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(reloadTimeout))
		var req ReloadRequest
		if err := body(r, &req); err != nil {
			reply(w, nil, err)
			return
		}
		lists, err := b.Reload(r.Context(), req)
		reply(w, lists, err)
	})
	mux.HandleFunc("POST /reveal", func(w http.ResponseWriter, r *http.Request) {
		var req RevealRequest
		if err := body(r, &req); err != nil {
			reply(w, nil, err)
			return
		}
		boxes, err := b.Reveal(r.Context(), who(r.Context()), req)
		reply(w, boxes, err)
	})
	return &Server{http.Server{
		Handler:        http.MaxBytesHandler(mux, maxRequestBytes),
		ReadTimeout:    readTimeout,
		WriteTimeout:   answerTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       quiet,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peer(c))
		},
	}}
}

// Run answers on ln until ctx ends, lets what is on its way finish within three
// seconds, and closes ln.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(late); err != nil {
		s.http.Close()
	}
	<-ended
	return nil
}

func reportRequest(r *http.Request) (req ReportRequest, err error) {
	q := r.URL.Query()
	req.Level = q.Get("level")
	if s := q.Get("since"); s != "" {
		if req.Since, err = time.ParseDuration(s); err != nil || req.Since <= 0 {
			return req, fmt.Errorf("since %q: want a duration such as 24h", s)
		}
	}
	if s := q.Get("limit"); s != "" {
		if req.Limit, err = strconv.Atoi(s); err != nil || req.Limit < 0 {
			return req, fmt.Errorf("limit %q: want a whole number", s)
		}
	}
	return req, nil
}

// body reads the JSON of a request; no body is the zero request.
func body(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("request body: %w; want JSON", err)
}

type refusal struct {
	Message string `json:"message"`
}

func reply(w http.ResponseWriter, answer any, err error) {
	w.Header().Set(headerContentType, applicationJSON)
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		answer = refusal{err.Error()}
	}
	json.NewEncoder(w).Encode(answer)
}
