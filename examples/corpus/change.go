// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

const collection = "/STU3/DocumentReference"

// askChange stores the pointers of the case by requests of their custodians, sends the
// change and looks at what is stored then.
func (a *address) askChange(ctx context.Context, c *testdata.Change) error {
	if c.Lookup != "" || len(c.Stored) == 2 && c.Stored[0].Body == c.Stored[1].Body {
		return errNotAsked // a store that fails, or has what no good one has
	}
	ids := map[string]string{} // of the corpus, and what the server gave in their place
	for _, stored := range c.Stored {
		id, err := a.store(ctx, stored)
		if err != nil {
			return fmt.Errorf("%s could not be stored: %w", stored.ID, err)
		}
		ids[stored.ID] = id
	}
	asked := c.Request
	asked.Target = a.own(asked.Target, ids)
	got, err := a.sendAs(ctx, &asked, a.own(c.Body, ids))
	if err != nil {
		return err
	}
	if err := asked.Answered(got.status, got.body); err != nil {
		return err
	}
	for corpus, id := range ids {
		read := *a.reader
		read.Target = collection + "/" + id
		found, err := a.sendAs(ctx, &read, "")
		if err != nil {
			return err
		}
		want := http.StatusNotFound
		switch c.After[corpus] {
		case "":
		case "current":
			want = http.StatusOK
		default:
			want = http.StatusBadRequest // the NRL shows current ones only
		}
		if found.status != want {
			return fmt.Errorf("afterwards %s is answered with %d in place of %d: %.200s", corpus, found.status, want, found.body)
		}
	}
	return nil
}

// own puts the server's ids in the place of the corpus', and makes the master
// identifiers those of this run.
func (a *address) own(s string, ids map[string]string) string {
	pairs := []string{"urn:corpus:", "urn:corpus:" + a.run + ":", url.QueryEscape("urn:corpus:"), url.QueryEscape("urn:corpus:" + a.run + ":")}
	for corpus, id := range ids {
		pairs = append(pairs, corpus, id)
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// store creates a pointer and brings it into its status. It returns its id.
func (a *address) store(ctx context.Context, stored testdata.Stored) (string, error) {
	body := a.own(stored.Body, nil)
	created, err := a.change(ctx, stored.Custodian, http.MethodPost, collection, body)
	if err != nil {
		return "", err
	}
	id := path.Base(created.location)
	switch stored.Status {
	case "entered-in-error":
		_, err = a.change(ctx, stored.Custodian, http.MethodPatch, collection+"/"+id, testdata.EnteredInError)
	case "superseded":
		newer := strings.Replace(body, `"content":`, `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/`+id+`"}}],"content":`, 1)
		_, err = a.change(ctx, stored.Custodian, http.MethodPost, collection, strings.Replace(newer, `"value":"urn:corpus:`, `"value":"urn:corpus:newer:`, 1))
	}
	return id, err
}

// change makes a change of the system of the custodian's that registry.json has.
func (a *address) change(ctx context.Context, custodian, method, target, body string) (answer, error) {
	r := *a.maintainer
	r.Method, r.Target, r.Headers = method, target, append(slices.Clone(r.Headers), [2]string{"Content-Type", "application/fhir+json"})
	if custodian == "RXA" {
		r.FQDN = "other.corpus.nhs.uk"
		for i := range r.Headers {
			r.Headers[i][1] = replaced(r.Headers[i][1], "200000000206", "200000000208", "|RR8", "|RXA")
		}
	}
	got, err := a.sendAs(ctx, &r, body)
	if err == nil && got.status >= 300 {
		err = fmt.Errorf("%s was answered with %d: %.200s", method, got.status, got.body)
	}
	return got, err
}
