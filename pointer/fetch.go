// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// An answerRead is the answer to a GET, read whole.
type answerRead struct {
	contentType, version string
	body                 []byte
}

// absent are the statuses that say that what was asked for is not there, and the
// Spine's code that must be with each; empty: none need be.
type absent map[int]string

var (
	// The NRL answers 400 to a read of a pointer that is not current, which told from a
	// missing one would tell another organisation that it is there. A pointer that is
	// taken for missing by its id is one that no change is made to: a create is judged
	// by a search alone.
	noPointer = absent{http.StatusNotFound: "", http.StatusGone: "", http.StatusBadRequest: "BAD_REQUEST"}

	// What a search has just found may have been deleted since. A 404 without the code
	// may be a URL with no FHIR server behind it, as that of a search may.
	goneMeanwhile = absent{http.StatusNotFound: "NO_RECORD_FOUND", http.StatusGone: ""}

	// A search that finds nothing is a 200, but for an NHS number that the NRL does not
	// know. A 404 without its code is a URL with no FHIR server behind it, and taken for
	// an empty answer it would let a duplicate be created.
	noPatient = absent{http.StatusNotFound: "NO_RECORD_FOUND", http.StatusBadRequest: "INVALID_NHS_NUMBER"}
)

// get reads u, in at most so many bytes (readAnswer). An answer that is one of none
// is ErrNotFound.
func get(ctx context.Context, client *http.Client, u *url.URL, accept string, none absent, most int64) (*answerRead, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	resp, err := ask(client, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// Of whatever status: caches keep those that say that nothing is there, too (RFC 9110
	// section 15.1). Age is RFC 9111's, section 5.1.
	if age := resp.Header.Get("Age"); age != "" && age != "0" {
		return nil, errors.New("the answer is a cache's, and was not validated")
	}
	if code, ok := none[resp.StatusCode]; ok && (code == "" || codeOf(resp) == code) {
		return nil, ErrNotFound
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return nil, unavailable(resp)
	default:
		return nil, fmt.Errorf("the server answered with status %d", resp.StatusCode)
	}
	return readAnswer(resp, most)
}

// codeOf returns the Spine's code in an OperationOutcome of one issue, or the empty
// string. The text beside it does not count: it may repeat the request.
func codeOf(resp *http.Response) string {
	var o struct {
		ResourceType string `json:"resourceType"`
		Issue        []struct {
			Severity string `json:"severity"`
			Details  struct {
				Coding []struct {
					System string `json:"system"`
					Code   string `json:"code"`
				} `json:"coding"`
			} `json:"details"`
		} `json:"issue"`
	}
	a, err := readAnswer(resp, maxOutcome)
	if err != nil {
		return ""
	}
	if format, err := fhir.FormatOf(a.contentType); err != nil || format != fhir.JSON || json.Unmarshal(a.body, &o) != nil {
		return ""
	}
	if o.ResourceType != "OperationOutcome" || len(o.Issue) != 1 || o.Issue[0].Severity != "error" && o.Issue[0].Severity != "fatal" {
		return ""
	}
	codings := o.Issue[0].Details.Coding
	if len(codings) != 1 || codings[0].System != spine.OutcomeCodeSystem {
		return ""
	}
	return codings[0].Code
}

const maxOutcome = 64 << 10

// ask sends a request that no cache on the way may answer, and follows no
// redirect.
func ask(client *http.Client, r *http.Request) (*http.Response, error) {
	r.Header.Set("Cache-Control", "no-cache")
	r.Header.Set("Pragma", "no-cache")
	// A compressed answer would be unpacked without a bound that counts.
	r.Header.Set("Accept-Encoding", "identity")
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	return resp, nil
}

// readAnswer reads an answer of one media type, not compressed, up to most bytes
// or, if that is zero or less, 8 MiB.
func readAnswer(resp *http.Response, most int64) (*answerRead, error) {
	if resp.Header.Get("Content-Encoding") != "" || len(resp.Header.Values("Content-Type")) != 1 {
		return nil, errors.New("the answer is compressed or has not one Content-Type")
	}
	a := &answerRead{contentType: resp.Header.Get("Content-Type")}
	var err error
	if a.version, err = versionOf(resp.Header.Values("ETag")); err != nil {
		return nil, err
	}
	if most <= 0 {
		most = defaultMaxAnswer
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, most+1)); err != nil {
		return nil, errors.New("the answer could not be read to its end")
	}
	if int64(len(a.body)) > most {
		return nil, errors.New("the answer is larger than the limit")
	}
	return a, nil
}

// unavailable is a server that asks to be left alone for a while. A Retry-After
// that is a date, or longer than an hour, is left out.
func unavailable(resp *http.Response) error {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		seconds = 0
	}
	return &ChangeError{Rule: RuleUnavailable, RetryAfter: time.Duration(seconds) * time.Second,
		Detail: "answered with status " + strconv.Itoa(resp.StatusCode)}
}

// withoutURL takes the URL out of a client's error: it has the patient in it, and
// errors are logged.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the server could not be asked: %w", e.Err)
	}
	return err
}

// versionOf reads an ETag as FHIR writes versions: W/"1".
func versionOf(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	version, ok := opaque(values[0])
	if len(values) > 1 || !ok {
		return "", errors.New("the answer has an ETag that is no version")
	}
	return version, nil
}
