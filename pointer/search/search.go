// SPDX-License-Identifier: Apache-2.0

// Package search finds the pointers of a patient at the National Record Locator,
// in STU3 and R4. Use a [Client] over an asid.Transport.
package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const (
	defaultMaxBytes = 8 << 20
	defaultMaxPages = 100

	// fullPages is how many of MaxBytes all pages together may have.
	fullPages = 8
)

// A Client searches one NRL. It is safe for concurrent use.
type Client struct {
	Base     *url.URL     // with the FHIR version, such as https://nrl.test/STU3; required
	HTTP     *http.Client // over an asid.Transport that is not told an SSP; required
	MaxBytes int64        // of one page's body; all bodies together may have eight times as much; zero or less: 8 MiB
	MaxPages int          // zero or less: 100
}

// A Query says which pointers are wanted.
type Query struct {
	NHSNumber string       // of the patient; required
	Custodian asid.ODSCode // of the pointers' owner; zero: any
	Type      string       // [system]|[code] of the pointers' type; empty: any
}

// Validate returns a [*asid.ConfigError] if a required field is missing.
func (c *Client) Validate() error {
	switch {
	case c.Base == nil || c.Base.Scheme != "https" || c.Base.Host == "" || c.Base.RawQuery != "":
		return &asid.ConfigError{Field: "Client.Base", Detail: "is not https with a host and a path"}
	case c.HTTP == nil:
		return &asid.ConfigError{Field: "Client.HTTP", Detail: "is missing"}
	}
	return nil
}

// Pointers returns all pointers that the NRL has for the query, or an error, never
// a part of them. An answer that is an OperationOutcome is an [*OutcomeError], and
// one that cannot be taken for the whole an [*AnswerError]: a page that is
// malformed or too large, more than MaxPages, more bytes on all of them than MaxBytes
// allows, a page that was there before, a pointer of another patient, fewer pointers
// than the answer's total, of which one that is listed twice counts once, or a next page
// elsewhere than at the same scheme, host and port under Base.
func (c *Client) Pointers(ctx context.Context, q Query) ([]Pointer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	first, err := c.first(q)
	if err != nil {
		return nil, err
	}
	most := c.MaxPages
	if most <= 0 {
		most = defaultMaxPages
	}
	var found []Pointer
	var listed fhir.Listing
	var size int64
	seen := make(map[string]bool)
	for page := first; page != nil; {
		if len(seen) == most {
			return nil, &AnswerError{URL: first, Detail: fmt.Sprintf("has more than %d pages", most)}
		}
		seen[page.String()] = true
		bundle, err := c.page(ctx, page)
		if err != nil {
			return nil, err
		}
		if size += bundle.size; size > fullPages*c.maxBytes() {
			return nil, &AnswerError{URL: first, Detail: fmt.Sprintf("has more than %d bytes on its pages", fullPages*c.maxBytes())}
		}
		if slices.ContainsFunc(bundle.pointers, func(p Pointer) bool { return p.Subject != spine.PatientURL+q.NHSNumber }) {
			return nil, &AnswerError{URL: page, Detail: "has a pointer of another patient"}
		}
		found = append(found, bundle.pointers...)
		listed.Add(bundle.Searchset)
		if page, err = c.next(page, bundle.Next); err != nil {
			return nil, err
		}
		if page != nil && seen[page.String()] {
			return nil, &AnswerError{URL: page, Detail: "comes again"}
		}
	}
	if listed.Len() < listed.Total {
		return nil, &AnswerError{URL: first, Detail: fmt.Sprintf("has %d pointers of %d that it says were found", listed.Len(), listed.Total)}
	}
	return found, nil
}

// collection returns the URL of all pointers.
func (c *Client) collection() *url.URL { return c.Base.JoinPath("DocumentReference") }

func (c *Client) first(q Query) (*url.URL, error) {
	if !spine.IsNHSNumber(q.NHSNumber) {
		return nil, &asid.ConfigError{Field: "Query.NHSNumber", Detail: "is not an NHS number"}
	}
	u := c.collection()
	r4 := strings.HasSuffix(strings.TrimSuffix(c.Base.Path, "/"), "/R4")
	query := make(url.Values)
	if r4 {
		query.Set("subject:identifier", spine.PatientSystem+"|"+q.NHSNumber)
	} else {
		query.Set("subject", spine.PatientURL+q.NHSNumber)
	}
	switch {
	case q.Custodian.IsZero():
	case r4:
		query.Set("custodian:identifier", spine.ODSSystem+"|"+q.Custodian.String())
	default:
		query.Set("custodian", spine.OrganizationURL+q.Custodian.String())
	}
	if q.Type != "" {
		query.Set("type", q.Type)
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// next returns the URL of the next page, or nil if there is none. The token and
// the ASIDs are for this NRL only.
func (c *Client) next(from *url.URL, reference string) (*url.URL, error) {
	if reference == "" {
		return nil, nil
	}
	u, err := from.Parse(reference)
	if err != nil {
		return nil, &AnswerError{URL: from, Detail: "has a malformed next page"}
	}
	base := c.collection()
	if u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host) || u.User != nil || u.EscapedPath() != base.EscapedPath() {
		return nil, &AnswerError{URL: from, Detail: "has a next page that is not at this NRL"}
	}
	return u, nil
}

func (c *Client) page(ctx context.Context, u *url.URL) (*bundle, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/fhir+json")
	resp, err := c.HTTP.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok { // its text has the URL, and so the patient
		return nil, fmt.Errorf("the NRL could not be asked: %w", e.Err)
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	most := c.maxBytes()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, &AnswerError{URL: u, Detail: "could not be read", Err: err}
	case int64(len(body)) > most:
		return nil, &AnswerError{URL: u, Detail: fmt.Sprintf("has more than %d bytes", most)}
	case resp.StatusCode != http.StatusOK:
		return nil, outcomeOf(resp.StatusCode, body)
	}
	// Parameters such as charset do not count: JSON is UTF-8 (RFC 8259 section 8.1).
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || !strings.Contains(mediaType, "json") {
		return nil, &AnswerError{URL: u, Detail: "is not JSON, which was asked for"}
	}
	b, err := readBundle(body)
	if err != nil {
		return nil, &AnswerError{URL: u, Detail: "is not a searchset that can be read", Err: err}
	}
	b.size = int64(len(body))
	return b, nil
}

func (c *Client) maxBytes() int64 {
	if c.MaxBytes > 0 {
		return c.MaxBytes
	}
	return defaultMaxBytes
}
