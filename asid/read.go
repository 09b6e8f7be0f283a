// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// maxRegistry bounds a registry file.
const maxRegistry = 16 << 20

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
	return parseJSON(text, ParseID)
}

// ReadYAML is [ReadRegistry] for YAML with the same keys. An ASID need not be quoted:
// scalars are taken as they are written, whatever type YAML would give them.
// Anchors, aliases, tags with a name and a second document are errors.
func ReadYAML(r io.Reader) (*Memory, error) {
	text, err := readRegistry(r)
	if err != nil {
		return nil, err
	}
	return parseYAML(text, ParseID)
}

func readRegistry(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxRegistry+1))
	if err != nil {
		return nil, &RegistryError{Detail: "cannot be read", Err: err}
	}
	if len(text) > maxRegistry {
		return nil, &RegistryError{Detail: fmt.Sprintf("has more than %d bytes", maxRegistry)}
	}
	return text, nil
}

// A record is a system as the file has it.
type record struct {
	ASID         string   `json:"asid"`
	ODS          []string `json:"ods"`
	FQDNs        []string `json:"fqdns"`
	Interactions []string `json:"interactions"`
}

func parseJSON(text []byte, parseID func(string) (ID, error)) (*Memory, error) {
	var document struct {
		Systems *[]record `json:"systems"`
	}
	if err := unmarshal(text, &document, json.RejectUnknownMembers(true)); err != nil {
		return nil, &RegistryError{Detail: "bad JSON", Err: err}
	}
	if document.Systems == nil {
		return nil, &RegistryError{Detail: `the key "systems" is missing`}
	}
	return fromRecords(*document.Systems, parseID)
}

func fromRecords(records []record, parseID func(string) (ID, error)) (*Memory, error) {
	systems := make([]System, len(records))
	for i, r := range records {
		id, err := parseID(r.ASID)
		if err != nil {
			return nil, &RegistryError{Detail: fmt.Sprintf("system %d of the file", i+1), Err: err}
		}
		s := System{ASID: id, FQDNs: r.FQDNs}
		for _, code := range r.ODS {
			parsed, err := ParseODSCode(code)
			if err != nil {
				return nil, &RegistryError{ASID: id, Detail: "bad ODS code", Err: err}
			}
			s.ODS = append(s.ODS, parsed)
		}
		for _, interaction := range r.Interactions {
			s.Interactions = append(s.Interactions, InteractionID(interaction))
		}
		systems[i] = s
	}
	return NewMemory(systems...)
}
