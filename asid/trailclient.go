// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
)

// sent writes the record of a request of this process's own, when its answer has
// begun or it has failed.
func (t *trail) sent(r *http.Request, in *incoming, resp *http.Response, err error) {
	if t == nil {
		return
	}
	level, message := slog.LevelInfo, "request answered"
	if resp != nil {
		t.answered(resp.StatusCode, resp.Header)
		t.beginning(resp, in)
	}
	if err != nil {
		level, message = slog.LevelWarn, "request failed"
	}
	if s, _ := r.Context().Value(subjectKey{}).(Subject); s.Pointer != "" {
		// The record's own URLs may look like those of pointers.
		in.pointer, t.location = s.Pointer, ""
	} else {
		in.pointer = idOf(t.url.Path)
	}
	record := t.record(r, in)
	record.Text("host", t.url.Host)
	t.answer(record, in)
	if err != nil {
		t.failure(record, err)
	}
	t.put(record, r, level, message)
}

// beginning takes the beginning of the body of an answer, and gives it back to the
// caller. What was retrieved is a record and not for the audit.
func (t *trail) beginning(resp *http.Response, in *incoming) {
	switch {
	case t.response == nil || resp.Body == nil || resp.StatusCode == http.StatusSwitchingProtocols:
		return
	case resp.StatusCode < http.StatusBadRequest && !ofPointers(in.observed):
		return
	}
	// What cannot be read is the caller's to find out.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, int64(t.response.left)))
	t.response.take(text)
	resp.Body = &rejoined{io.MultiReader(bytes.NewReader(text), resp.Body), resp.Body}
}

// A rejoined is a body whose beginning was read already.
type rejoined struct {
	io.Reader
	io.Closer
}
