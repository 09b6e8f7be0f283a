// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// query asks the service for resources of a kind. It takes a whole answer to this
// very question, or returns an [*Error].
func (f *FHIR) query(ctx context.Context, kind string, question url.Values) ([]resource, error) {
	if err := f.pace.wait(ctx); err != nil {
		return nil, err
	}
	u := f.base.JoinPath(kind)
	u.RawQuery = question.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &Error{Detail: "the request cannot be made", Err: err}
	}
	correlation := spine.NewUUID()
	request.Header.Set("apikey", f.APIKey)
	request.Header.Set("Accept", "application/fhir+json") // with a parameter it is answered 406
	request.Header.Set("Cache-Control", "no-cache")       // exactly this: the gateway's cache keeps answers for 30 minutes
	request.Header.Set("X-Correlation-Id", correlation)
	response, err := f.client.Do(request)
	if err != nil {
		return nil, &Error{Detail: "the service was not reached", Err: err}
	}
	defer response.Body.Close()
	limit := positive(f.MaxBytes, 4<<20)
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, &Error{Detail: "the answer was cut off", Err: fmt.Errorf("%w: %w", ErrPartial, err)}
	case int64(len(body)) > limit:
		return nil, &Error{Detail: fmt.Sprintf("the answer has more than %d bytes", limit)}
	}
	if response.StatusCode != http.StatusOK {
		if response.StatusCode == http.StatusTooManyRequests {
			f.pace.slow(retryAfter(response.Header.Get("Retry-After"), time.Now()))
		}
		return nil, refusal(response, body)
	}
	f.pace.fine()
	if mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || mediaType != "application/fhir+json" && mediaType != "application/json" {
		return nil, &Error{Detail: fmt.Sprintf("the answer is of type %.50q", response.Header.Get("Content-Type"))}
	}
	if age := response.Header.Get("Age"); age != "" && age != "0" { // RFC 9111 section 5.1
		return nil, &Error{Detail: "the answer is a cache's, and was not validated"}
	}
	// Another caller's is an answer out of the gateway's cache, which may not say its age.
	if other := response.Header.Get("X-Correlation-Id"); other != "" && other != correlation {
		return nil, &Error{Detail: "the answer is that of another request"}
	}
	return readBundle(body, kind)
}

// A StatusError is an answer of the service other than 200.
type StatusError struct {
	Status int
	Detail string // the diagnostics or the display text of the OperationOutcome, if there is one
}

func (e *StatusError) Error() string {
	text := "the service answered " + strconv.Itoa(e.Status)
	if e.Detail != "" {
		text += ": " + strconv.QuoteToASCII(e.Detail)
	}
	return text
}

// refusal describes an answer other than 200. Both shapes of OperationOutcome, the
// service's and the gateway's, are read; what to do is decided by the status alone,
// since 401, 429 and 5xx may share one body.
func refusal(response *http.Response, body []byte) error {
	e := &StatusError{Status: response.StatusCode}
	var outcome struct {
		Issue []struct {
			Diagnostics string `json:"diagnostics"`
			Details     struct {
				Text   string `json:"text"`
				Coding []struct {
					Code    string `json:"code"`
					Display string `json:"display"`
				} `json:"coding"`
			} `json:"details"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(body, &outcome); err == nil && len(outcome.Issue) > 0 {
		issue := outcome.Issue[0]
		e.Detail = issue.Diagnostics
		if e.Detail == "" {
			e.Detail = issue.Details.Text
		}
		if e.Detail == "" && len(issue.Details.Coding) > 0 {
			e.Detail = issue.Details.Coding[0].Code + " " + issue.Details.Coding[0].Display
		}
		e.Detail = e.Detail[:min(len(e.Detail), 200)]
	}
	return &Error{Detail: "the service refused", Err: e}
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3); zero: there is
// none that can be read.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now)
	}
	return 0
}
