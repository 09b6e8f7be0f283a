// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// ReadRegistry reads a registry of up to 16 MiB in JSON:
//
//	{"systems": [
//	  {"asid": "200000000205",
//	   "ods": ["RR8"],
//	   "fqdns": ["nrl-rr8.supplier.thirdparty.nhs.uk"],
//	   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create"]}
//	]}
//
// Other keys, a key twice, keys in other letter case, null, and what [NewMemory]
// refuses are errors. The error is a [*RegistryError].
func ReadRegistry(r io.Reader) (*Memory, error) {
	text, err := readRegistry(r)
	if err != nil {
		return nil, err
	}
	records, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	return fromRecords(records, false)
}

func readRegistry(r io.Reader) ([]byte, error) {
	text, err := regular.ReadAll(r)
	if err != nil {
		return nil, &RegistryError{Detail: "cannot be read", Err: err}
	}
	return text, nil
}

// A Record is a system as a registry file has it.
type Record struct {
	ASID         string   `json:"asid"`
	ODS          []string `json:"ods"`
	FQDNs        []string `json:"fqdns"`
	Interactions []string `json:"interactions"`
}

// decodeJSON is a File's Decode for JSON.
func decodeJSON(text []byte) ([]Record, error) {
	var document struct {
		Systems *[]Record `json:"systems"`
	}
	if err := unmarshal(text, &document, json.RejectUnknownMembers(true)); err != nil {
		return nil, &RegistryError{Detail: "bad JSON", Err: err}
	}
	if document.Systems == nil {
		return nil, &RegistryError{Detail: `the key "systems" is missing`}
	}
	return *document.Systems, nil
}

// System returns the system of the record. It refuses a malformed ASID or ODS code
// with a [*RegistryError]; the rest is checked by [NewSystem] and [NewMemory].
func (r *Record) System() (System, error) { return r.system(false) }

func (r *Record) system(testIDs bool) (System, error) {
	id, err := idParser(testIDs)(r.ASID)
	if err != nil {
		return System{}, &RegistryError{Detail: "bad ASID", Err: err}
	}
	s := System{ASID: id, FQDNs: r.FQDNs}
	for _, code := range r.ODS {
		parsed, err := ParseODSCode(code)
		if err != nil {
			return System{}, &RegistryError{ASID: id, Detail: "bad ODS code", Err: err}
		}
		s.ODS = append(s.ODS, parsed)
	}
	for _, interaction := range r.Interactions {
		s.Interactions = append(s.Interactions, InteractionID(interaction))
	}
	return s, nil
}

func fromRecords(records []Record, testIDs bool) (*Memory, error) {
	systems := make([]System, len(records))
	for i := range records {
		var err error
		if systems[i], err = records[i].system(testIDs); err != nil {
			return nil, &RegistryError{Detail: fmt.Sprintf("system %d of the file", i+1), Err: err}
		}
	}
	return NewMemory(systems...)
}
