// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// asJudged returns r as it may go on: it names the judged pointer and nothing
// that a store could find another one by.
func (g *Guard) asJudged(r *http.Request, in *reading, d *Decision) (*http.Request, error) {
	judged := r.WithContext(context.WithValue(r.Context(), decisionKey{}, d))
	body := in.body
	switch d.Change.Action {
	case Create, Supersede:
		replaces := ""
		if d.Stored != nil {
			replaces = d.Stored.ID
		}
		var err error
		if body, err = g.reader().Unassigned(in.contentType, in.body, &in.resource, replaces); err != nil {
			return nil, bodyError(d.Change.Action, err)
		}
	case Update, Delete:
		judged.URL = in.url(d.Stored.ID)
		judged.RequestURI = judged.URL.RequestURI()
	}
	judged.Header = in.header(r.Header, d, !bytes.Equal(body, in.body))
	b := new(memory)
	b.Reset(body)
	judged.Body = b
	judged.ContentLength = int64(len(body))
	judged.TransferEncoding, judged.Trailer = nil, nil
	judged.Form, judged.PostForm, judged.MultipartForm = nil, nil, nil
	return judged, nil
}

// memory is a body that has been read.
type memory struct{ bytes.Reader }

// Close implements [io.Closer].
func (*memory) Close() error { return nil }

// url is that of one pointer on the server that was called.
func (in *reading) url(id string) *url.URL {
	u := &url.URL{Path: in.at.Base + fhirpath.DocumentReference + "/" + id}
	if in.format != "" {
		u.RawQuery = "_format=" + url.QueryEscape(in.format)
	}
	return u
}

// header returns h with the judged version as If-Match, without Connection and
// Proxy-Connection, and without digests of a body that has been rewritten.
func (in *reading) header(h http.Header, d *Decision, rewritten bool) http.Header {
	conditional := d.Change.Action == Update || d.Change.Action == Delete
	if !conditional && !rewritten && len(h["If-Match"]) == 0 && len(h["Connection"]) == 0 && len(h["Proxy-Connection"]) == 0 {
		return h
	}
	h = h.Clone()
	// A proxy drops what these name, which may be a header that counts (RFC 9110 section
	// 7.6.1, RFC 9112 appendix C.2.2).
	h.Del("Connection")
	h.Del("Proxy-Connection")
	h.Del("If-Match")
	if conditional {
		h.Set("If-Match", etag(d.Stored.Version))
	}
	if rewritten {
		for key := range h {
			for _, name := range [...]string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest"} {
				if ascii.EqualHeader(key, name) {
					delete(h, key)
				}
			}
		}
	}
	h.Del("Content-Length") // Request.ContentLength counts
	return h
}
