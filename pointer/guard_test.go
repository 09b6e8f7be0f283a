// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// stored is what the tests' store holds: pointers of two organisations.
func stored(t testing.TB) pointertest.MapResolver {
	m := pointertest.MapResolver{}
	add := func(id, custodian, status, subject, identifier string) {
		m[id] = &pointer.Pointer{ID: id, Version: "3", Custodian: ods(t, custodian), Status: status, Subject: subject,
			MasterIdentifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: identifier}}
	}
	add(oldID, "A81001", "current", patient, oldIdentifier.Value)
	add("own-superseded", "A81001", "superseded", patient, "urn:uuid:own-superseded")
	add("own-other-patient", "A81001", "current", otherPatient, "urn:uuid:own-other-patient")
	add("theirs", "RX1", "current", patient, "urn:uuid:theirs")
	add("theirs-superseded", "RX1", "superseded", otherPatient, "urn:uuid:theirs-superseded")
	add("twin-1", "RX1", "current", patient, "urn:uuid:twins")
	add("twin-2", "RX1", "current", patient, "urn:uuid:twins")
	m["nobody's"] = &pointer.Pointer{ID: "nobody's", Version: "1", Status: "current", Subject: patient}
	return m
}

func identified(value string) pointer.Query {
	return pointer.Query{Subject: patient, Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: value}}
}

// replacing is a new pointer of A81001's that replaces what q means.
func replacing(t *testing.T, q pointer.Query) *pointer.Pointer {
	return &pointer.Pointer{ID: "invented", Version: "9", Custodian: ods(t, "A81001"), Status: "current", Subject: patient,
		MasterIdentifier: newIdentifier, RelatesTo: []pointer.Relation{{Code: "replaces", Target: q}}}
}

func TestChangesThatAreAllowed(t *testing.T) {
	store := stored(t)
	guard := &pointer.Guard{Resolver: store}
	caller := callerOf(t, "B82001", "A81001")
	byIdentifier := pointer.Query{Identifier: oldIdentifier}
	for name, c := range map[string]struct {
		change pointer.Change
		stored *pointer.Pointer
	}{
		"create": {pointer.Change{Action: pointer.Create, New: &pointer.Pointer{ID: "invented", Custodian: ods(t, "a81001")}}, nil},
		"supersede by id": {pointer.Change{Action: pointer.Supersede, New: replacing(t, pointer.Query{ID: oldID})},
			store[oldID]},
		"supersede by identifier": {pointer.Change{Action: pointer.Supersede, New: replacing(t, byIdentifier)}, store[oldID]},
		"supersede by both": {pointer.Change{Action: pointer.Supersede, New: replacing(t, pointer.Query{ID: oldID, Identifier: oldIdentifier})},
			store[oldID]},
		"update by id":             {pointer.Change{Action: pointer.Update, Target: pointer.Query{ID: oldID}}, store[oldID]},
		"update by identifier":     {pointer.Change{Action: pointer.Update, Target: identified(oldIdentifier.Value)}, store[oldID]},
		"delete by id":             {pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: oldID}}, store[oldID]},
		"delete by identifier":     {pointer.Change{Action: pointer.Delete, Target: identified(oldIdentifier.Value)}, store[oldID]},
		"delete of a superseded":   {pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: "own-superseded"}}, store["own-superseded"]},
		"delete for other patient": {pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: "own-other-patient"}}, store["own-other-patient"]},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := guard.Authorize(t.Context(), caller, c.change)
			require.NoError(t, err)
			assert.Equal(t, c.change.Action, d.Change.Action)
			assert.Equal(t, c.change.Target, d.Change.Target)
			assert.Same(t, c.stored, d.Stored)
			if c.change.New != nil {
				assert.Empty(t, d.Change.New.ID, "an id of the sender's invention")
				assert.Empty(t, d.Change.New.Version)
				assert.Equal(t, "invented", c.change.New.ID, "the caller's own pointer is left alone")
			}
		})
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	caller := callerOf(t, "A81001")
	supersede := func(q pointer.Query) pointer.Change {
		return pointer.Change{Action: pointer.Supersede, New: replacing(t, q)}
	}
	alter := func(c pointer.Change, f func(p *pointer.Pointer)) pointer.Change { f(c.New); return c }
	id := func(s string) pointer.Query { return pointer.Query{ID: s} }
	owner, target, super := &pointer.OwnerError{}, &pointer.TargetError{}, &pointer.SupersedeError{}
	for _, c := range []struct {
		name      string
		change    pointer.Change
		concealed error // the type
		disclosed error
		kind      error
	}{
		{"create for another organisation", pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "RX1")}}, owner, owner, nil},
		{"create for nobody", pointer.Change{Action: pointer.Create, New: &pointer.Pointer{}}, owner, owner, nil},
		{"create without a pointer", pointer.Change{Action: pointer.Create}, &pointer.ResourceError{}, &pointer.ResourceError{}, nil},
		{"create with a relation", pointer.Change{Action: pointer.Create, New: replacing(t, id(oldID))}, super, super, nil},
		{"no action", pointer.Change{New: &pointer.Pointer{Custodian: ods(t, "A81001")}}, &asid.RequestError{}, &asid.RequestError{}, nil},
		{"supersede with a new one of another organisation", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.Custodian = ods(t, "RX1") }), owner, owner, nil},
		{"supersede of another organisation's", supersede(id("theirs")), super, owner, nil},
		{"supersede of another organisation's, by identifier", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:theirs"}}), super, owner, nil},
		{"supersede of another organisation's that is neither current nor of the patient", supersede(id("theirs-superseded")), super, owner, nil},
		{"supersede of one that is not there", supersede(id("none")), super, super, pointer.ErrNotFound},
		{"supersede of one that is not there, by identifier", supersede(pointer.Query{Identifier: newIdentifier}), super, super, pointer.ErrNotFound},
		{"supersede of several", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:twins"}}), super, super, pointer.ErrAmbiguous},
		{"supersede of one that is not current", supersede(id("own-superseded")), super, super, pointer.ErrNotCurrent},
		{"supersede of another patient's", supersede(id("own-other-patient")), super, super, nil},
		{"supersede of another patient's, by identifier", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:own-other-patient"}}), super, super, pointer.ErrNotFound},
		{"supersede with an identifier that is not the old one's", supersede(pointer.Query{ID: oldID, Identifier: newIdentifier}), super, super, nil},
		{"supersede without a patient", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.Subject = "" }), super, super, nil},
		{"supersede without a relation", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo = nil }), super, super, nil},
		{"supersede with two relations", alter(supersede(id(oldID)), func(p *pointer.Pointer) {
			p.RelatesTo = append(p.RelatesTo, p.RelatesTo[0])
		}), super, super, nil},
		{"supersede with another code", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo[0].Code = "appends" }), super, super, nil},
		{"supersede without a code", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo[0].Code = "" }), super, super, nil},
		{"update of another organisation's", pointer.Change{Action: pointer.Update, Target: id("theirs")}, target, owner, nil},
		{"update of another organisation's that is not current", pointer.Change{Action: pointer.Update, Target: id("theirs-superseded")}, target, owner, nil},
		{"update of nobody's", pointer.Change{Action: pointer.Update, Target: id("nobody's")}, target, owner, nil},
		{"update of one that is not there", pointer.Change{Action: pointer.Update, Target: id("none")}, target, target, pointer.ErrNotFound},
		{"update of one that is not current", pointer.Change{Action: pointer.Update, Target: id("own-superseded")}, target, target, pointer.ErrNotCurrent},
		{"update of several", pointer.Change{Action: pointer.Update, Target: identified("urn:uuid:twins")}, target, target, pointer.ErrAmbiguous},
		{"update of nothing", pointer.Change{Action: pointer.Update}, target, target, pointer.ErrNotFound},
		{"delete of another organisation's", pointer.Change{Action: pointer.Delete, Target: id("theirs")}, target, owner, nil},
		{"delete of one that is not there", pointer.Change{Action: pointer.Delete, Target: identified("urn:uuid:none")}, target, target, pointer.ErrNotFound},
		{"a patient alone", pointer.Change{Action: pointer.Delete, Target: pointer.Query{Subject: patient}}, target, target, pointer.ErrNotFound},
		{"an empty bundle", pointer.Change{Action: pointer.Bundle}, &pointer.ResourceError{}, &pointer.ResourceError{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, disclose := range []bool{false, true} {
				want := c.concealed
				if disclose {
					want = c.disclosed
				}
				guard := &pointer.Guard{Resolver: stored(t), Disclose: disclose}
				d, err := guard.Authorize(t.Context(), caller, c.change)
				assert.Nil(t, d)
				require.IsType(t, want, err, "disclose %v: %v", disclose, err)
				if c.kind != nil {
					assert.ErrorIs(t, err, c.kind)
				}
				assert.NotContains(t, err.Error(), patient, "a patient in an error")
			}
		})
	}
}

// By default a stranger sees the same answer whether the pointer is there or not.
func TestStrangersLearnNothing(t *testing.T) {
	guard := &pointer.Guard{Resolver: stored(t)}
	stranger := callerOf(t, "C83001")
	for name, change := range map[string]func(q pointer.Query) pointer.Change{
		"update": func(q pointer.Query) pointer.Change { return pointer.Change{Action: pointer.Update, Target: q} },
		"delete": func(q pointer.Query) pointer.Change { return pointer.Change{Action: pointer.Delete, Target: q} },
		"supersede": func(q pointer.Query) pointer.Change {
			p := replacing(t, q)
			p.Custodian = ods(t, "C83001")
			return pointer.Change{Action: pointer.Supersede, New: p}
		},
	} {
		t.Run(name, func(t *testing.T) {
			missing := answer(t, guard, stranger, change(pointer.Query{ID: "stranger"}))
			for _, id := range []string{"theirs", "theirs-superseded", "own-other-patient"} {
				// The id is in the answer, so one of the same length takes its place.
				got := answer(t, guard, stranger, change(pointer.Query{ID: id}))
				assert.Equal(t, missing.Code, got.Code)
				assert.Equal(t, missing.Body.String(), string(bytes.ReplaceAll(got.Body.Bytes(), []byte(id), []byte("stranger"))))
			}
		})
	}
}

func TestConfigurationThatIsMissing(t *testing.T) {
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001")}}
	_, err := (&pointer.Guard{}).Authorize(t.Context(), callerOf(t, "A81001"), create)
	assert.IsType(t, &asid.ConfigError{}, err)
	for _, caller := range []*asid.Caller{nil, {}} {
		_, err = (&pointer.Guard{Resolver: stored(t)}).Authorize(t.Context(), caller, create)
		assert.IsType(t, &asid.ConfigError{}, err)
	}
	assert.IsType(t, &pointer.OwnerError{}, pointer.Owns(nil, create.New))
	assert.IsType(t, &pointer.OwnerError{}, pointer.Owns(callerOf(t, "A81001"), nil))
	assert.IsType(t, &pointer.OwnerError{}, pointer.Owns(callerOf(t), create.New))
}

func TestInteractionsOfTheSystemCount(t *testing.T) {
	guard := &pointer.Guard{Resolver: stored(t)}
	caller := callerOf(t, "A81001")
	caller.System.Interactions = []asid.InteractionID{asid.DocumentReferenceCreate}
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001")}}
	remove := pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: oldID}}
	_, err := guard.Authorize(t.Context(), caller, create)
	assert.NoError(t, err)
	_, err = guard.Authorize(t.Context(), caller, remove)
	assert.ErrorIs(t, err, asid.ErrNotAssociated)
	_, err = guard.Authorize(t.Context(), caller, pointer.Change{Action: pointer.Bundle, Entries: []pointer.Change{create, remove}})
	assert.ErrorIs(t, err, asid.ErrNotAssociated)
}

func TestBundlesPassAsAWhole(t *testing.T) {
	store := stored(t)
	guard := &pointer.Guard{Resolver: store}
	caller := callerOf(t, "A81001")
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001")}}
	supersede := pointer.Change{Action: pointer.Supersede, New: replacing(t, pointer.Query{ID: oldID})}
	remove := pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: "own-superseded"}}
	bundle := func(entries ...pointer.Change) pointer.Change {
		return pointer.Change{Action: pointer.Bundle, Entries: entries}
	}
	d, err := guard.Authorize(t.Context(), caller, bundle(create, supersede, remove))
	require.NoError(t, err)
	require.Len(t, d.Entries, 3)
	assert.Nil(t, d.Entries[0].Stored)
	assert.Same(t, store[oldID], d.Entries[1].Stored)
	assert.Same(t, store["own-superseded"], d.Entries[2].Stored)

	many := make([]pointer.Change, 101)
	for i := range many {
		many[i] = create
	}
	named := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001"), Subject: patient, MasterIdentifier: newIdentifier}}
	for name, c := range map[string]struct {
		change pointer.Change
		want   error
	}{
		"one entry for another organisation": {bundle(create, pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "RX1")}}), &pointer.OwnerError{}},
		"one entry about another's pointer":  {bundle(create, pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: "theirs"}}), &pointer.TargetError{}},
		"two entries about one pointer":      {bundle(supersede, pointer.Change{Action: pointer.Delete, Target: identified(oldIdentifier.Value)}), &pointer.ResourceError{}},
		"two entries with one identifier":    {bundle(named, named), &pointer.ResourceError{}},
		"a bundle in a bundle":               {bundle(bundle(create)), &pointer.ResourceError{}},
		"more than 100 entries":              {bundle(many...), &pointer.ResourceError{}},
	} {
		d, err := guard.Authorize(t.Context(), caller, c.change)
		assert.IsType(t, c.want, err, name)
		assert.Nil(t, d, name)
	}
}

// A resolverFunc is a Resolver that a test makes up.
type resolverFunc func(ctx context.Context, q pointer.Query) (*pointer.Pointer, error)

func (f resolverFunc) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	return f(ctx, q)
}

func TestResolversAreNotBelievedBlindly(t *testing.T) {
	store := stored(t)
	for name, resolve := range map[string]resolverFunc{
		"a failure":       func(context.Context, pointer.Query) (*pointer.Pointer, error) { return nil, errors.New("out of reach") },
		"nothing at all":  func(context.Context, pointer.Query) (*pointer.Pointer, error) { return nil, nil },
		"another pointer": func(context.Context, pointer.Query) (*pointer.Pointer, error) { return store["own-superseded"], nil },
		"one without an id": func(context.Context, pointer.Query) (*pointer.Pointer, error) {
			return &pointer.Pointer{Custodian: ods(t, "A81001"), Status: "current", Subject: patient, MasterIdentifier: oldIdentifier}, nil
		},
	} {
		guard := &pointer.Guard{Resolver: resolve}
		for _, change := range []pointer.Change{
			{Action: pointer.Delete, Target: identified(oldIdentifier.Value)},
			{Action: pointer.Supersede, New: replacing(t, pointer.Query{ID: oldID})},
		} {
			d, err := guard.Authorize(t.Context(), callerOf(t, "A81001"), change)
			assert.IsType(t, &pointer.ResolverError{}, err, name)
			assert.Nil(t, d)
			assert.Equal(t, 500, answer(t, guard, callerOf(t, "A81001"), change).Code)
		}
	}
}

func TestOneRecordForEachDecision(t *testing.T) {
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	caller := callerOf(t, "A81001")
	_, err := guard.Authorize(t.Context(), caller, pointer.Change{Action: pointer.Delete, Target: identified(oldIdentifier.Value)})
	require.NoError(t, err)
	_, err = guard.Authorize(t.Context(), caller, pointer.Change{Action: pointer.Update, Target: pointer.Query{ID: "theirs"}})
	require.Error(t, err)

	lines := bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n"))
	require.Len(t, lines, 2)
	var allowed, refused map[string]any
	require.NoError(t, json.Unmarshal(lines[0], &allowed))
	require.NoError(t, json.Unmarshal(lines[1], &refused))
	assert.Equal(t, "INFO", allowed["level"])
	assert.Equal(t, oldID, allowed["pointer"])
	assert.Equal(t, "3", allowed["version"])
	assert.Equal(t, "WARN", refused["level"])
	assert.Equal(t, "TargetError", refused["rule"])
	assert.Contains(t, refused["error"], "not an organisation of ASID 200000000205", "the log has the truth")
	assert.NotContains(t, log.String(), "9000000009", "a patient in the log")
	assert.NotContains(t, log.String(), oldIdentifier.Value)
}

func TestTheEntriesOfABundleLoseTheirInventedIDs(t *testing.T) {
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{ID: "theirs", Version: "3", Custodian: ods(t, "A81001")}}
	d, err := (&pointer.Guard{Resolver: stored(t)}).Authorize(t.Context(), callerOf(t, "A81001"), pointer.Change{Action: pointer.Bundle, Entries: []pointer.Change{create}})
	require.NoError(t, err)
	assert.Empty(t, d.Change.Entries[0].New.ID, "a handler that uses it writes over RX1's pointer")
	assert.Equal(t, "theirs", create.New.ID, "the caller's own is left alone")
}

func TestRecordsAreShort(t *testing.T) {
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	send(t, guard, request("POST", collection, "application/fhir+xml", `<DocumentReference xmlns="http://hl7.org/fhir"><status value="&`+strings.Repeat("a", 900_000)+`;"/></DocumentReference>`))
	assert.Less(t, log.Len(), 2000)
}

func TestTheRecordOfABundleNamesItsPointers(t *testing.T) {
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil)), BundlePath: "/STU3"}
	_, h := send(t, guard, request("POST", "/STU3", "application/fhir+json", bundleOf("json", "batch", [3]string{"", "DELETE", "DocumentReference/" + oldID})))
	require.True(t, h.called)
	assert.Contains(t, log.String(), oldID)
}
