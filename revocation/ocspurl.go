// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// An ocspURL is a responder that is asked about one certificate.
type ocspURL struct {
	source    *OCSP
	responder string
	path      []*x509.Certificate
	get       fetch.Document // without a nonce

	mu    sync.Mutex
	until time.Time // when what came last runs out
}

// watch looks after the question about path[0] to a responder.
func (s *OCSP) watch(responder string, path []*x509.Certificate) *fetch.Watch {
	key := "ocsp " + responder + " " + known.AnswerKey(path)
	if w := s.asker.Known(key); w != nil {
		return w
	}
	u := &ocspURL{source: s, responder: responder, path: slices.Clone(path)}
	u.get = fetch.Document{Fetcher: fetchWith{s.Fetcher}, Now: s.now, Every: s.asker.Refresh, Request: u.getRequest, Deliver: u.deliver, RanOut: u.ranOut}
	return s.asker.Watch(fetch.Target{
		Key: key, URL: responder, Host: urlHost(responder), Do: u.do, Until: u.runsOut, Forget: true,
	})
}

func (u *ocspURL) runsOut() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.until
}

// ranOut is true, too, of an answer that has been evicted since.
func (u *ocspURL) ranOut() bool {
	return u.source.now().After(u.runsOut()) || len(u.source.known.Under(known.AnswerKey(u.path))) == 0
}

// do asks the responder once.
func (u *ocspURL) do(ctx context.Context) error {
	if !u.source.NoNonce {
		return u.askWithNonce(ctx)
	}
	if _, post := u.source.takePOST.Load(u.responder); post {
		return u.post(ctx)
	}
	err := u.get.Do(ctx)
	if !takesNoGET(err) {
		return err
	}
	if err := u.post(ctx); err != nil {
		return err
	}
	u.source.takePOST.Store(u.responder, true)
	return nil
}

// takesNoGET reports whether an error is that of a responder which takes only
// POST.
func takesNoGET(err error) bool {
	if f, ok := errors.AsType[*FetchError](err); ok {
		return f.StatusCode == http.StatusMethodNotAllowed || f.StatusCode == http.StatusBadRequest || f.StatusCode == http.StatusNotFound
	}
	return errors.Is(err, ocsp.MalformedRequest)
}

func (u *ocspURL) question() ([]byte, error) {
	request, err := ocsp.NewRequest(u.path[0], u.path[1])
	if err != nil {
		return nil, ocspError(u.responder, err)
	}
	return request, nil
}

func (u *ocspURL) postRequest(question []byte) fetch.Request {
	return fetch.Request{URL: u.responder, Body: question, ContentType: "application/ocsp-request", MaxBytes: ocsp.MaxBytes}
}

func (u *ocspURL) getRequest() (fetch.Request, error) {
	question, err := u.question()
	if err != nil {
		return fetch.Request{}, err
	}
	if url, ok := ocsp.GetURL(u.responder, question); ok {
		return fetch.Request{URL: url, MaxBytes: ocsp.MaxBytes}, nil
	}
	return u.postRequest(question), nil
}

func (u *ocspURL) post(ctx context.Context) error {
	question, err := u.question()
	if err != nil {
		return err
	}
	response, err := fetchWith{u.source.Fetcher}.Fetch(ctx, u.postRequest(question))
	if err != nil {
		return err
	}
	return u.deliver(response)
}

// askWithNonce puts a fresh nonce into the request, so that no two are alike. A
// response that does not bring it back may only revoke.
func (u *ocspURL) askWithNonce(ctx context.Context) error {
	question, err := u.question()
	if err != nil {
		return err
	}
	nonce := make([]byte, ocsp.NonceBytes)
	rand.Read(nonce) // never fails
	question, value, err := ocsp.WithNonce(question, nonce)
	if err != nil {
		return ocspError(u.responder, err)
	}
	response, err := fetchWith{u.source.Fetcher}.Fetch(ctx, u.postRequest(question))
	if err != nil {
		return err
	}
	return u.deliverWith(response, value)
}

func (u *ocspURL) deliver(response *fetch.Response) error { return u.deliverWith(response, nil) }

// deliverWith puts what came into the set, and says why it does not answer.
func (u *ocspURL) deliverWith(response *fetch.Response, nonce []byte) error {
	r, err := ocsp.Parse(response.Body, u.responder)
	if err != nil {
		if status, ok := errors.AsType[ocsp.StatusError](err); ok {
			return errors.Join(ocspError(u.responder, err), status)
		}
		return ocspError(u.responder, err)
	}
	wrongNonce := nonce != nil && !bytes.Equal(r.Nonce(), nonce)
	a, err := u.source.take(r, response.Body, u.path, wrongNonce)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.until = a.NextUpdate
	if u.until.IsZero() {
		u.until = a.ThisUpdate.Add(defaultMaxAge)
	}
	if a.Responder != nil && a.Responder.NotAfter.Before(u.until) {
		u.until = a.Responder.NotAfter
	}
	u.mu.Unlock()
	refuse := func(detail string) error { return &OCSPError{Source: u.responder, Err: ErrResponder, Detail: detail} }
	switch {
	case a.Status == ocsp.Unknown:
		return refuse("it does not know the certificate")
	case wrongNonce && a.Status == ocsp.Revoked, !wrongNonce:
		return nil
	case r.Nonce() == nil:
		return refuse("it does not repeat the nonce; a responder that signs in advance needs NoNonce")
	}
	return refuse("it brings back another nonce than was sent")
}
