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

// Codes with which the NRL answers 400 to what is not there: a read of a pointer
// that is not current, which told from a missing one would tell another
// organisation that it is there, and a search for an NHS number that is none.
const (
	codeNotCurrent = "BAD_REQUEST"
	codeNoPatient  = "INVALID_NHS_NUMBER"
)

// get reads u. An answer of 404 or 410, or of 400 with the code absent, is
// ErrNotFound; an empty absent is no code.
func (f *FHIR) get(ctx context.Context, u *url.URL, accept, absent string) (*answerRead, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	resp, err := ask(f.Client, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, ErrNotFound
	case http.StatusBadRequest:
		if absent != "" && codeOf(resp) == absent {
			return nil, ErrNotFound
		}
		return nil, fmt.Errorf("the server answered with status %d", resp.StatusCode)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return nil, unavailable(resp)
	default:
		return nil, fmt.Errorf("the server answered with status %d", resp.StatusCode)
	}
	return readAnswer(resp, f.MaxBytes)
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
// or, if that is zero or less, 1 MiB.
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
		most = defaultMaxBytes
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
