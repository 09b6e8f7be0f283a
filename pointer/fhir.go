// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A FHIR is a [Resolver] over the FHIR API of an NRL: it reads pointers by id and
// searches them by subject and identifier. It is safe for concurrent use; its
// fields are not to be changed once it is in use.
//
// The NRL itself shows current pointers only. There an update or a delete of
// another one is refused with [ErrNotFound], as one that is not there, where the
// NRL answers in the words of its specification, else as a failed look-up. An
// answer that names no version is refused: no change could be conditional on it.
type FHIR struct {
	// Client sends the requests; required. Its Transport is an asid.Transport
	// over a client of tlsconfig. Redirects are not followed.
	Client *http.Client

	// Base is the URL before DocumentReference, such as
	// https://nrl.example.nhs.uk/STU3; required.
	Base *url.URL

	// RelativeReferences is to be as in the Guard, so that pointers which the one let
	// pass can be read by the other.
	RelativeReferences bool

	// MaxBytes bounds an answer's body, in bytes; zero or less: 1 MiB.
	MaxBytes int64
}

// Resolve implements [Resolver]. The version is that of the resource and of the
// ETag; if there are both and they differ, the answer is refused.
func (f *FHIR) Resolve(ctx context.Context, q Query) (*Pointer, error) {
	if f.Client == nil || f.Base == nil {
		return nil, errors.New("a FHIR resolver needs a Client and a Base")
	}
	switch {
	case isID(q.ID):
		return f.read(ctx, q)
	case q.ID == "" && q.Subject != "" && !q.Identifier.IsZero():
		return f.search(ctx, q)
	default:
		return nil, ErrNotFound
	}
}

func (f *FHIR) read(ctx context.Context, q Query) (*Pointer, error) {
	a, err := f.get(ctx, f.Base.JoinPath(documentReference, q.ID))
	if err != nil {
		return nil, err
	}
	p, err := reader{relative: f.RelativeReferences}.documentReference(a.contentType, a.body)
	if err != nil {
		return nil, err
	}
	if a.version != "" && p.Version != "" && a.version != p.Version {
		return nil, errors.New("the NRL's answer has one version in its ETag and another in meta.versionId")
	}
	if p.Version == "" {
		p.Version = a.version
	}
	if p.Version == "" {
		return nil, errors.New("the NRL's answer names no version, so that no change could be conditional on it")
	}
	if p.ID != q.ID {
		return nil, errors.New("the NRL answered with another pointer than asked for")
	}
	if !q.Matches(p) {
		return nil, ErrNotFound
	}
	return p, nil
}

// search keeps what matches: the NRL's specification has no parameter
// identifier, and a server may leave out what it does not know.
func (f *FHIR) search(ctx context.Context, q Query) (*Pointer, error) {
	for _, s := range []string{q.Subject, q.Identifier.System, q.Identifier.Value} {
		if strings.ContainsAny(s, `,\|$`) { // they have a meaning in a search
			return nil, ErrNotFound
		}
	}
	u := f.Base.JoinPath(documentReference)
	u.RawQuery = url.Values{"subject": {q.Subject}, "identifier": {q.Identifier.System + "|" + q.Identifier.Value}}.Encode()
	a, err := f.get(ctx, u)
	if err != nil {
		return nil, err
	}
	b, err := reader{relative: f.RelativeReferences}.bundle(a.contentType, a.body)
	if err != nil {
		return nil, err
	}
	if b.kind != "searchset" {
		return nil, errors.New("the NRL's answer to a search is no searchset")
	}
	if b.further {
		return nil, errors.New("the NRL's answer to a search has further pages")
	}
	var found *Pointer
	for _, e := range b.entries {
		switch {
		case e.pointer == nil || e.pointer.ID == "":
			return nil, errors.New("the NRL's answer to a search has an entry that is no pointer")
		case !q.Matches(e.pointer):
		case found != nil:
			return nil, ErrAmbiguous
		default:
			found = e.pointer
		}
	}
	if found == nil {
		return nil, ErrNotFound
	}
	if found.Version == "" { // a read has an ETag
		return f.read(ctx, Query{ID: found.ID, Subject: q.Subject, Identifier: q.Identifier})
	}
	return found, nil
}

// An answerRead is the answer to a GET, read whole.
type answerRead struct {
	contentType, version string
	body                 []byte
}

func (f *FHIR) get(ctx context.Context, u *url.URL) (*answerRead, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/fhir+json")
	// A compressed answer would be unpacked without a bound that counts.
	r.Header.Set("Accept-Encoding", "identity")
	client := *f.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, ErrNotFound
	case http.StatusBadRequest:
		// The NRL answers so to a pointer that is not current, and to no patient. Told
		// from what is missing it would tell a stranger what is there.
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if bytes.Contains(said, []byte("DocumentReference status is not")) || bytes.Contains(said, []byte("INVALID_NHS_NUMBER")) {
			return nil, ErrNotFound
		}
		return nil, fmt.Errorf("the NRL answered with status %d", resp.StatusCode)
	default:
		return nil, fmt.Errorf("the NRL answered with status %d", resp.StatusCode)
	}
	if resp.Header.Get("Content-Encoding") != "" || len(resp.Header.Values("Content-Type")) != 1 {
		return nil, errors.New("the NRL's answer is compressed or has not one Content-Type")
	}
	a := &answerRead{contentType: resp.Header.Get("Content-Type")}
	if a.version, err = versionOf(resp.Header.Values("ETag")); err != nil {
		return nil, err
	}
	most := f.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, most+1)); err != nil {
		return nil, err
	}
	if int64(len(a.body)) > most {
		return nil, errors.New("the NRL's answer is larger than the limit")
	}
	return a, nil
}

// withoutURL takes the URL out of a client's error: it has the patient in it, and
// errors are logged.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the NRL could not be asked: %w", e.Err)
	}
	return err
}

// versionOf reads an ETag as FHIR writes versions: W/"1".
func versionOf(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	version := strings.TrimPrefix(values[0], "W/")
	if len(values) > 1 || len(version) < 3 || version[0] != '"' || version[len(version)-1] != '"' || !isID(version[1:len(version)-1]) {
		return "", errors.New("the NRL's answer has an ETag that is no version")
	}
	return version[1 : len(version)-1], nil
}
