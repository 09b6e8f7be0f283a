// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
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
	m["unowned"] = &pointer.Pointer{ID: "unowned", Version: "1", Status: "current", Subject: patient}
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
	t.Parallel()
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
	t.Parallel()
	caller := callerOf(t, "A81001")
	supersede := func(q pointer.Query) pointer.Change {
		return pointer.Change{Action: pointer.Supersede, New: replacing(t, q)}
	}
	alter := func(c pointer.Change, f func(p *pointer.Pointer)) pointer.Change { f(c.New); return c }
	id := func(s string) pointer.Query { return pointer.Query{ID: s} }
	const (
		owner, missing, ambiguous, stale = pointer.RuleOwner, pointer.RuleNotFound, pointer.RuleAmbiguous, pointer.RuleNotCurrent
		relation, resource, interaction  = pointer.RuleRelatesTo, pointer.RuleResource, pointer.RuleInteraction
	)
	for _, c := range []struct {
		name   string
		change pointer.Change
		want   pointer.Rule
	}{
		{"create for another organisation", pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "RX1")}}, owner},
		{"create without a custodian", pointer.Change{Action: pointer.Create, New: &pointer.Pointer{}}, owner},
		{"create without a pointer", pointer.Change{Action: pointer.Create}, resource},
		{"create with a relation", pointer.Change{Action: pointer.Create, New: replacing(t, id(oldID))}, relation},
		{"no action", pointer.Change{New: &pointer.Pointer{Custodian: ods(t, "A81001")}}, interaction},
		{"supersede with a new one of another organisation", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.Custodian = ods(t, "RX1") }), owner},
		{"supersede of another organisation's", supersede(id("theirs")), owner},
		{"supersede of another organisation's, by identifier", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:theirs"}}), owner},
		{"supersede of another organisation's that is neither current nor of the patient", supersede(id("theirs-superseded")), owner},
		{"supersede of one that is not there", supersede(id("none")), missing},
		{"supersede of one that is not there, by identifier", supersede(pointer.Query{Identifier: newIdentifier}), missing},
		{"supersede of several", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:twins"}}), ambiguous},
		{"supersede of one that is not current", supersede(id("own-superseded")), stale},
		{"supersede of another patient's", supersede(id("own-other-patient")), relation},
		{"supersede of another patient's, by identifier", supersede(pointer.Query{Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:own-other-patient"}}), missing},
		{"supersede with an identifier that is not the old one's", supersede(pointer.Query{ID: oldID, Identifier: newIdentifier}), relation},
		{"supersede without a patient", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.Subject = "" }), relation},
		{"supersede without a relation", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo = nil }), relation},
		{"supersede with two relations", alter(supersede(id(oldID)), func(p *pointer.Pointer) {
			p.RelatesTo = append(p.RelatesTo, p.RelatesTo[0])
		}), relation},
		{"supersede with another code", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo[0].Code = "appends" }), relation},
		{"supersede without a code", alter(supersede(id(oldID)), func(p *pointer.Pointer) { p.RelatesTo[0].Code = "" }), relation},
		{"update of another organisation's", pointer.Change{Action: pointer.Update, Target: id("theirs")}, owner},
		{"update of another organisation's that is not current", pointer.Change{Action: pointer.Update, Target: id("theirs-superseded")}, owner},
		{"update of one without a custodian", pointer.Change{Action: pointer.Update, Target: id("unowned")}, owner},
		{"update of one that is not there", pointer.Change{Action: pointer.Update, Target: id("none")}, missing},
		{"update of one that is not current", pointer.Change{Action: pointer.Update, Target: id("own-superseded")}, stale},
		{"update of several", pointer.Change{Action: pointer.Update, Target: identified("urn:uuid:twins")}, ambiguous},
		{"update of nothing", pointer.Change{Action: pointer.Update}, missing},
		{"delete of another organisation's", pointer.Change{Action: pointer.Delete, Target: id("theirs")}, owner},
		{"delete of one that is not there", pointer.Change{Action: pointer.Delete, Target: identified("urn:uuid:none")}, missing},
		{"a patient alone", pointer.Change{Action: pointer.Delete, Target: pointer.Query{Subject: patient}}, missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, disclose := range []bool{false, true} {
				guard := &pointer.Guard{Resolver: stored(t), Disclose: disclose}
				d, err := guard.Authorize(t.Context(), caller, c.change)
				assert.Nil(t, d)
				assertRule(t, err, c.want)
				assert.Equal(t, c.want == missing, errors.Is(err, pointer.ErrNotFound))
				assert.Equal(t, c.want == ambiguous, errors.Is(err, pointer.ErrAmbiguous))
				e, _ := errors.AsType[*pointer.ChangeError](err)
				assert.Equal(t, c.want == owner && !e.Target.IsZero() && !disclose, e.Concealed)
				assert.NotContains(t, err.Error(), patient, "a patient in an error")
			}
		})
	}
}

// By default another organisation sees the same answer whether the pointer is there or not.
func TestOtherOrganisationsLearnNothing(t *testing.T) {
	t.Parallel()
	guard := &pointer.Guard{Resolver: stored(t)}
	another := callerOf(t, "C83001")
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
			missing := answer(t, guard, another, change(pointer.Query{ID: "another"}))
			for _, id := range []string{"theirs", "theirs-superseded", "own-other-patient"} {
				// The id is in the answer, so one of the same length takes its place.
				got := answer(t, guard, another, change(pointer.Query{ID: id}))
				assert.Equal(t, missing.Code, got.Code)
				assert.Equal(t, withoutUUIDs(missing), strings.ReplaceAll(withoutUUIDs(got), id, "another"))
			}
		})
	}
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// withoutUUIDs is an answer without the id of its OperationOutcome.
func withoutUUIDs(w *httptest.ResponseRecorder) string {
	return uuidPattern.ReplaceAllString(w.Body.String(), "")
}

func TestConfigurationThatIsMissing(t *testing.T) {
	t.Parallel()
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001")}}
	_, err := (&pointer.Guard{}).Authorize(t.Context(), callerOf(t, "A81001"), create)
	assert.IsType(t, &asid.ConfigError{}, err)
	for _, caller := range []*asid.Caller{nil, {}} {
		_, err = (&pointer.Guard{Resolver: stored(t)}).Authorize(t.Context(), caller, create)
		assert.IsType(t, &asid.ConfigError{}, err)
	}
	assertRule(t, pointer.Owns(nil, create.New), pointer.RuleOwner)
	assertRule(t, pointer.Owns(callerOf(t, "A81001"), nil), pointer.RuleOwner)
	assertRule(t, pointer.Owns(callerOf(t), create.New), pointer.RuleOwner)
}

func TestInteractionsOfTheSystemCount(t *testing.T) {
	t.Parallel()
	guard := &pointer.Guard{Resolver: stored(t)}
	caller := callerOf(t, "A81001")
	caller.System.Interactions = []asid.InteractionID{asid.DocumentReferenceCreate}
	create := pointer.Change{Action: pointer.Create, New: &pointer.Pointer{Custodian: ods(t, "A81001")}}
	remove := pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: oldID}}
	_, err := guard.Authorize(t.Context(), caller, create)
	assert.NoError(t, err)
	_, err = guard.Authorize(t.Context(), caller, remove)
	assert.ErrorIs(t, err, asid.ErrNotAssociated)
}

// A resolverFunc is a Resolver that a test makes up.
type resolverFunc func(ctx context.Context, q pointer.Query) (*pointer.Pointer, error)

func (f resolverFunc) Resolve(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
	return f(ctx, q)
}

func TestResolversAnswersAreChecked(t *testing.T) {
	t.Parallel()
	store := stored(t)
	for _, resolve := range map[string]resolverFunc{
		"a failure":       func(context.Context, pointer.Query) (*pointer.Pointer, error) { return nil, errors.New("out of reach") },
		"nothing at all":  func(context.Context, pointer.Query) (*pointer.Pointer, error) { return nil, nil },
		"another pointer": func(context.Context, pointer.Query) (*pointer.Pointer, error) { return store["own-superseded"], nil },
		"one without a version": func(context.Context, pointer.Query) (*pointer.Pointer, error) {
			p := *store[oldID]
			p.Version = ""
			return &p, nil
		},
		"one with a malformed version": func(context.Context, pointer.Query) (*pointer.Pointer, error) {
			p := *store[oldID]
			p.Version = `3", W/"4`
			return &p, nil
		},
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
			assertRule(t, err, pointer.RuleResolver)

			assert.Nil(t, d)
			assert.Equal(t, 500, answer(t, guard, callerOf(t, "A81001"), change).Code)
		}
	}
}

func TestOneRecordForEachDecision(t *testing.T) {
	t.Parallel()
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
	assert.Equal(t, "owner", refused["rule"])
	assert.Contains(t, refused["error"], "not an organisation of ASID 200000000205", "the log has the truth")
	assert.NotContains(t, log.String(), "9000000009", "a patient in the log")
	assert.NotContains(t, log.String(), oldIdentifier.Value)
}

// A client may have taken the NHS number for the pointer's id.
func TestNoRecordNamesThePatient(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	guard := &pointer.Guard{Resolver: stored(t), Logger: logger}
	for _, r := range []*http.Request{
		request("DELETE", collection+"/9000000009", "", ""),
		request("POST", collection, "application/fhir+json", `{"resourceType":"DocumentReference","9000000009":1}`),
	} {
		log.Reset()
		w, _ := send(t, guard, r)
		assert.GreaterOrEqual(t, w.Code, 400)
		assert.Contains(t, log.String(), "refused")
		assert.NotContains(t, log.String(), "9000000009")
	}
	log.Reset()
	h := facade(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, nil,
		func(f *pointer.Forward) { f.Logger = logger })
	assert.Equal(t, http.StatusNotFound, through(t, h, request("GET", collection+"/9000000009", "", "")).Code)
	assert.Contains(t, log.String(), "not answered")
	assert.NotContains(t, log.String(), "9000000009")
}

func TestRecordsAreShort(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	send(t, guard, request("POST", collection, "application/fhir+xml", `<DocumentReference xmlns="http://hl7.org/fhir"><status value="&`+strings.Repeat("a", 900_000)+`;"/></DocumentReference>`))
	assert.Less(t, log.Len(), 2000)
}

func TestASupersedeIsBoundByVersionAndMasterIdentifierToo(t *testing.T) {
	t.Parallel()
	guard, caller := &pointer.Guard{Resolver: stored(t)}, callerOf(t, "A81001")
	change := pointer.Change{Action: pointer.Supersede, New: replacing(t, pointer.Query{ID: oldID}), IfMatch: []string{"2"}}
	_, err := guard.Authorize(t.Context(), caller, change)
	assertRule(t, err, pointer.RuleVersion)
	change.IfMatch = []string{"3"}
	_, err = guard.Authorize(t.Context(), caller, change)
	assert.NoError(t, err)
	change.New.MasterIdentifier.Value = "urn:uuid:theirs"
	_, err = guard.Authorize(t.Context(), caller, change)
	assertRule(t, err, pointer.RuleDuplicate)
}

// The id of a stored pointer becomes part of a URL.
func TestAResolversPointerHasAnID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "..", "a/b", "a?b"} {
		p := *stored(t)[oldID]
		p.ID = id
		resolve := resolverFunc(func(context.Context, pointer.Query) (*pointer.Pointer, error) { return &p, nil })
		change := pointer.Change{Action: pointer.Delete, Target: identified(oldIdentifier.Value)}
		_, err := (&pointer.Guard{Resolver: resolve}).Authorize(t.Context(), callerOf(t, "A81001"), change)
		assertRule(t, err, pointer.RuleResolver)
	}
}
