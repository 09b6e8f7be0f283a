// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"log/slog"
	"net/http"
)

// misconfigured is the handler in place of one that cannot be built: it refuses
// every request.
func misconfigured(logger *slog.Logger, handler func(http.ResponseWriter, *http.Request, error), err error) http.Handler {
	if logger != nil {
		logger.Error("every request will be refused", "rule", ruleOf(err), "error", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerError(handler, &responseWriter{ResponseWriter: w}, r, err)
	})
}

// warnLoose makes a record of each word that loosens what is checked.
func warnLoose(logger *slog.Logger, peers PeerSource, testIDs bool) {
	if logger == nil {
		return
	}
	if _, insecure := peers.(InsecureUnverifiedPeers); insecure {
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
