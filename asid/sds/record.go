// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
)

// The attributes that are asked for, in the spelling of the schema.
var (
	asAttributes  = []string{"uniqueIdentifier", "nhsIDCode", "nhsAsClient", "nhsMHSPartyKey", "nhsAsSvcIA"}
	mhsAttributes = []string{"nhsMHSPartyKey", "nhsMhsFQDN"}
)

// A record is an entry of the directory: its values by the attribute's name in
// lower case, since directories spell the names differently.
type record struct{ values map[string][]string }

// newRecord returns an empty record.
func newRecord() record { return record{make(map[string][]string)} }

// add adds an attribute with all its values. An option, such as ;range=0-99, says
// that these are not all the values, or not the plain ones; RFC 4511 section
// 4.5.2 has each attribute once.
func (r record) add(name string, values []string) error {
	name = strings.ToLower(name)
	if strings.ContainsRune(name, ';') {
		return fmt.Errorf("the attribute %.100q has an option: %w", name, ErrPartial)
	}
	if _, again := r.values[name]; again {
		return fmt.Errorf("the attribute %.100q is there twice", name)
	}
	r.values[name] = values
	return nil
}

func (r record) all(name string) []string { return r.values[strings.ToLower(name)] }

// is reports whether the record is of a class.
func (r record) is(class string) bool {
	return slices.ContainsFunc(r.all("objectClass"), func(s string) bool { return strings.EqualFold(s, class) })
}

// atMostOne returns the only value of an attribute, or "" if it has none.
func (r record) atMostOne(name string) (string, error) {
	values := r.all(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", fmt.Errorf("%s has %d values, not one: %w", name, len(values), ErrAmbiguous)
}

// lacks reports whether a record of class nhsAs has no organisation or no interaction,
// as one of which these are hidden.
func (r record) lacks() bool { return len(r.all("nhsIDCode")) == 0 || len(r.all("nhsAsSvcIA")) == 0 }

// An asRecord is what is read of a record of class nhsAs.
type asRecord struct {
	system   *asid.System // without FQDNs
	partyKey string       // empty: none
	dropped  []string     // values that were left out
}

// readAS reads the record of the ASID that was asked for.
func readAS(e record, id asid.ID, clients bool) (*asRecord, error) {
	fail := func(detail string, err error) (*asRecord, error) {
		return nil, &Error{Subject: "ASID " + id.String(), Detail: detail, Err: err}
	}
	// A directory's idea of equal is wider: full-width digits and blanks match.
	switch ids := e.all("uniqueIdentifier"); {
	case len(ids) != 1:
		return fail(fmt.Sprintf("its record has %d values of uniqueIdentifier, not one", len(ids)), ErrAmbiguous)
	case ids[0] != id.String():
		return fail(fmt.Sprintf("the directory gave the record of %.50q", ids[0]), nil)
	}
	code, err := e.atMostOne("nhsIDCode")
	if err != nil {
		return fail("its record cannot be used", err)
	}
	r := &asRecord{system: &asid.System{ASID: id}}
	codes := []string{code}
	if code == "" {
		codes = nil
	}
	if clients {
		codes = append(codes, e.all("nhsAsClient")...)
	}
	organisations := make(map[asid.ODSCode]bool)
	for _, code := range codes {
		parsed, err := asid.ParseODSCode(code)
		if err != nil {
			return fail("its record cannot be used", err)
		}
		if !organisations[parsed] {
			organisations[parsed] = true
			r.system.ODS = append(r.system.ODS, parsed)
		}
	}
	if r.partyKey, err = e.atMostOne("nhsMHSPartyKey"); err != nil {
		return fail("its record cannot be used", err)
	}
	if r.partyKey != "" && !isPartyKey(r.partyKey) {
		r.dropped, r.partyKey = append(r.dropped, r.partyKey), ""
	}
	seen := make(map[string]bool)
	for _, value := range e.all("nhsAsSvcIA") {
		interaction, err := asid.ParseInteractionID(value)
		if err != nil || seen[value] {
			r.dropped = append(r.dropped, value)
			continue
		}
		seen[value] = true
		r.system.Interactions = append(r.system.Interactions, interaction)
	}
	return r, nil
}

// readFQDNs returns the FQDNs of records of class nhsMhs, without repetition and in
// a fixed order. Records of another party key, which a directory may take for the
// same, are left out.
func readFQDNs(records []record, partyKey string) (fqdns, dropped []string, err error) {
	for _, e := range records {
		key, err := e.atMostOne("nhsMHSPartyKey")
		if err != nil {
			return nil, nil, &Error{Subject: "party key " + partyKey, Detail: "a record cannot be used", Err: err}
		}
		if key != partyKey {
			dropped = append(dropped, key)
			continue
		}
		for _, value := range e.all("nhsMhsFQDN") {
			name, err := fqdn.Parse(value)
			if err != nil {
				dropped = append(dropped, value)
				continue
			}
			fqdns = append(fqdns, name)
		}
	}
	slices.Sort(fqdns)
	return slices.Compact(fqdns), dropped, nil
}

// isPartyKey reports whether s may be a party key, such as YGM24-820388: letters,
// digits and hyphens, none of which means anything in a filter.
func isPartyKey(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !ascii.Alphanumeric(c) && c != '-' {
			return false
		}
	}
	return true
}

// dropped counts what was left out of records and logs it once for each record,
// until what is left out changes.
type dropped struct {
	mu     sync.Mutex
	count  int
	logged map[string]int // subject to the number that was logged
}

// maxLogged bounds the records of which it is known that they were logged.
const maxLogged = 10_000

func (d *dropped) note(log logrecord.Writer, subject string, values []string) {
	if len(values) == 0 {
		return
	}
	d.mu.Lock()
	d.count += len(values)
	again := d.logged[subject] == len(values)
	if d.logged == nil || len(d.logged) >= maxLogged {
		d.logged = make(map[string]int)
	}
	d.logged[subject] = len(values)
	d.mu.Unlock()
	if !again {
		log.Write(context.Background(), slog.LevelWarn, "values of a directory record are left out",
			slog.String("record", subject), slog.Int("count", len(values)), slog.String("first", fmt.Sprintf("%.100q", values[0])))
	}
}

func (d *dropped) total() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}
