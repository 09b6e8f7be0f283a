// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// A middleware stands before a handler: the check of an [Authorizer] or a [Gate],
// with its records and its answers.
type middleware struct {
	policy       *Audit
	logger       *slog.Logger
	now          func() time.Time
	errorHandler func(http.ResponseWriter, *http.Request, error)
	noStore      bool // the answers carry Cache-Control: no-store, whatever handlers set

	// judge returns the handler of a request that may pass, and the context that the
	// handler gets. For the record it notes in the incoming what it has found out,
	// before an error too.
	judge func(*http.Request, *incoming) (http.Handler, context.Context, error)
}

// ServeHTTP implements [http.Handler].
func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	trail, r := newTrail(m.policy, m.logger, m.now, r)
	answer := &responseWriter{ResponseWriter: w, noStore: m.noStore, trail: trail, err: errUndecided}
	defer answer.record(r)
	// A handler that writes nothing leaves the header to the server.
	defer answer.before()
	next, ctx, err := m.judge(r, &answer.in)
	if err == nil {
		err = trail.intend(r, &answer.in)
	}
	if answer.err = err; err != nil {
		answerError(m.errorHandler, answer, r, err)
		return
	}
	next.ServeHTTP(answer, fhirpath.WithoutBodyOfRead(r.WithContext(ctx)))
}

// refusing returns m with err as the answer to every request, in place of one that
// cannot be built.
func (m *middleware) refusing(err error) *middleware {
	if m.logger != nil {
		m.logger.Error("every request will be refused", "rule", ruleOf(err), "error", err)
	}
	return &middleware{errorHandler: m.errorHandler, noStore: m.noStore, judge: func(*http.Request, *incoming) (http.Handler, context.Context, error) {
		return nil, nil, err
	}}
}

// warnLoose makes a record of each word that loosens what is checked.
func warnLoose(logger *slog.Logger, peers PeerSource, testIDs bool) {
	if logger == nil {
		return
	}
	switch peers.(type) {
	case InsecureUnverifiedPeers, *InsecureUnverifiedPeers:
		logger.Warn("peers are not verified: any client can be any system")
	}
	if testIDs {
		logger.Warn("ASIDs of fewer than 12 digits are accepted: TestIDs is in use")
	}
}

// answerError answers r with err, and has the connection closed if the peer is one
// that is not to be served any more.
func answerError(handler func(http.ResponseWriter, *http.Request, error), w http.ResponseWriter, r *http.Request, err error) {
	if closes(err) {
		w.Header().Set("Connection", "close")
	}
	if handler == nil {
		handler = WriteError
	}
	handler(w, r, err)
}
