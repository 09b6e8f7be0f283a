// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// maxRequest bounds the OCSP requests that are read.
const maxRequest = 64 << 10

func (a *Authority) newServer() *server {
	s := &server{}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(s, w, r, a.closing) }))
	s.url = s.http.URL
	return s
}

// list returns the list that a server has under a path.
func (a *Authority) list(at *server, path string) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, now := edition{path, at.fault}, a.now()
	then := now.Add(-at.lag)
	if past := a.lists[e]; len(past) > 0 && !past[len(past)-1].made.After(then) {
		a.publish(e, then) // what was due by then, though nothing asked for it
	}
	latest := a.publish(e, now)
	if at.lag == 0 {
		return latest.der
	}
	served := a.lists[e][0]
	for _, p := range a.lists[e] {
		if !p.made.After(then) {
			served = p
		}
	}
	return served.der
}

// serve serves one request: GET for lists, conditional or not, and under the
// Authority's own URL GET and POST for OCSP (RFC 6960 appendix A.1). What hangs, or
// is delayed, ends with the request's context, or when stop is closed.
func (a *Authority) serve(at *server, w http.ResponseWriter, r *http.Request, stop <-chan struct{}) {
	a.mu.Lock()
	a.requests++
	fault, delay := at.fault, at.delay
	a.mu.Unlock()

	if delay > 0 {
		late := time.NewTimer(delay)
		defer late.Stop()
		select {
		case <-late.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-stop:
			panic(http.ErrAbortHandler)
		}
	}

	switch fault {
	case Unreachable:
		panic(http.ErrAbortHandler)
	case Hanging:
		select {
		case <-r.Context().Done():
		case <-stop:
		}
		panic(http.ErrAbortHandler)
	case Unavailable:
		http.Error(w, "come back later", http.StatusServiceUnavailable)
		return
	case WebPage:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>Guest network</title><p>Sign in to continue.")
		return
	}

	// EscapedPath, since the base64 of a request may have slashes in it.
	path := r.URL.EscapedPath()
	switch {
	case listPaths.MatchString(path) && (a.Deltas || !isDelta(path)):
		writeList(w, r, fault, a.list(at, path))
	case at == a.origin && (path == "/ocsp" || strings.HasPrefix(path, "/ocsp/")):
		der, err := readQuestion(r, strings.TrimPrefix(path, "/ocsp/"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := ocsp.MalformedRequestErrorResponse
		if question, err := ocsp.ParseRequest(der); err == nil {
			answer = a.answer(question, nonceOf(der))
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		write(w, fault, answer)
	default:
		http.NotFound(w, r)
	}
}

// writeList answers with a list, unless the client has it already.
func writeList(w http.ResponseWriter, r *http.Request, fault Fault, der []byte) {
	if r.Method != http.MethodGet {
		http.Error(w, "a list is only to be had", http.StatusMethodNotAllowed)
		return
	}
	sum := sha256.Sum256(der)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	write(w, fault, der)
}

// write writes a document, or less or more of it.
func write(w http.ResponseWriter, fault Fault, der []byte) {
	switch fault {
	case Truncated:
		w.Write(der[:len(der)/2])
	case Endless:
		zeros := make([]byte, 32<<10)
		for _, err := w.Write(der); err == nil; {
			_, err = w.Write(zeros)
		}
	default:
		w.Write(der)
	}
}

// readQuestion returns the OCSP request in DER.
func readQuestion(r *http.Request, path string) ([]byte, error) {
	switch r.Method {
	case http.MethodPost:
		return io.ReadAll(io.LimitReader(r.Body, maxRequest))
	case http.MethodGet:
		text, err := url.PathUnescape(path)
		if err != nil {
			return nil, err
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, errors.New("neither GET nor POST")
}

// nonceOf returns the nonce of an OCSP request (RFC 9654), nil if it has none.
// x/crypto/ocsp reads requests, but no extensions.
func nonceOf(der []byte) []byte {
	input := cryptobyte.String(der)
	var request, tbs, extensions, list, nonce cryptobyte.String
	var present bool
	if !input.ReadASN1(&request, cbasn1.SEQUENCE) || !request.ReadASN1(&tbs, cbasn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(constructed(0)) || !tbs.SkipOptionalASN1(constructed(1)) || !tbs.SkipASN1(cbasn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&extensions, &present, constructed(2)) || !present ||
		!extensions.ReadASN1(&list, cbasn1.SEQUENCE) {
		return nil
	}
	want := build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidOCSPNonce) })
	for !list.Empty() {
		var extension, oid, value cryptobyte.String
		if !list.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER) ||
			!extension.SkipOptionalASN1(cbasn1.BOOLEAN) || !extension.ReadASN1(&value, cbasn1.OCTET_STRING) {
			return nil
		}
		if string(oid) == string(want) && value.ReadASN1(&nonce, cbasn1.OCTET_STRING) {
			return nonce
		}
	}
	return nil
}

// Fetcher returns a Fetcher that reaches this Authority with its mirrors and nothing
// else. It does so without a socket, so that it also serves inside a bubble of
// testing/synctest; what it is answered is what HTTP would bring.
func (a *Authority) Fetcher() revocation.Fetcher { return fetcher{a} }

type fetcher struct{ authority *Authority }

// Fetch implements revocation.Fetcher.
func (f fetcher) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	fail := func(status int, err error) (*revocation.Response, error) {
		return nil, &revocation.FetchError{URL: r.URL, StatusCode: status, Err: err}
	}
	at := f.authority.serverOf(r.URL)
	if at == nil {
		return fail(0, revocation.ErrHostNotAllowed)
	}
	if err := ctx.Err(); err != nil {
		return fail(0, err)
	}
	method := http.MethodGet
	if r.Body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, strings.NewReader(string(r.Body)))
	if err != nil {
		return fail(0, err)
	}
	for name, value := range map[string]string{"Content-Type": r.ContentType, "If-None-Match": r.ETag} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	recorder := &limited{ResponseRecorder: httptest.NewRecorder(), left: r.MaxBytes}
	dropped := f.authority.serveDirectly(at, recorder, request)
	response := recorder.Result()
	switch {
	case ctx.Err() != nil:
		return fail(0, ctx.Err())
	case dropped:
		return fail(0, io.ErrUnexpectedEOF)
	case recorder.full:
		return fail(response.StatusCode, revocation.ErrTooLarge)
	case response.StatusCode == http.StatusNotModified:
		return &revocation.Response{NotModified: true, ETag: r.ETag}, nil
	case response.StatusCode != http.StatusOK:
		return fail(response.StatusCode, nil)
	}
	return &revocation.Response{Body: recorder.Body.Bytes(), ETag: response.Header.Get("ETag")}, nil
}

// serverOf returns the server that has a URL, nil if none has.
func (a *Authority) serverOf(url string) *server {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.servers {
		if strings.HasPrefix(url, s.url+"/") {
			return s
		}
	}
	return nil
}

// serveDirectly says whether the connection was dropped. A channel of another bubble
// would keep that of the caller from passing the time, so there is none here.
func (a *Authority) serveDirectly(at *server, w http.ResponseWriter, r *http.Request) (dropped bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			dropped = true
		} else if p != nil {
			panic(p)
		}
	}()
	a.serve(at, w, r, nil)
	return false
}

// A limited recorder is a client that hangs up after so many bytes.
type limited struct {
	*httptest.ResponseRecorder
	left int64
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		l.full = true
		return 0, revocation.ErrTooLarge
	}
	l.left -= int64(len(p))
	return l.ResponseRecorder.Write(p)
}
