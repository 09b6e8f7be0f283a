// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// The systems of identifiers.
const (
	odsSystem         = spine.ODSSystem
	interactionSystem = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
	partyKeySystem    = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
	asidSystem        = "https://fhir.nhs.uk/Id/nhsSpineASID"
	fqdnSystem        = "https://fhir.nhs.uk/Id/nhsMhsFQDN"

	// Until January 2021 the interactions were one identifier, joined by commas.
	joinedSystem = "https://fhir.nhs.uk/Id/nhsEndpointServiceId"

	interactionExtension = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId"
)

// A resource is what is read of a Device or an Endpoint.
type resource struct {
	ResourceType string       `json:"resourceType"`
	Identifier   []identifier `json:"identifier"`
	Extension    []extension  `json:"extension"`
	Address      string       `json:"address"`
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type extension struct {
	URL            string `json:"url"`
	ValueReference struct {
		Identifier identifier `json:"identifier"`
	} `json:"valueReference"`
	Extension []extension `json:"extension"`
}

// readBundle returns the resources of a searchset, all of the kind. Names of
// members are read by case, and a name that is there twice is an error.
func readBundle(text []byte, kind string) ([]resource, error) {
	var bundle struct {
		ResourceType string `json:"resourceType"`
		Type         string `json:"type"`
		Total        *int   `json:"total"`
		Link         []struct {
			Relation string `json:"relation"`
		} `json:"link"`
		Entry []struct {
			Resource resource `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		return nil, &Error{Detail: "the answer is not JSON that can be read", Err: err}
	}
	if bundle.ResourceType != "Bundle" || bundle.Type != "searchset" {
		return nil, &Error{Detail: "the answer is no Bundle of type searchset"}
	}
	if bundle.Total != nil && *bundle.Total != len(bundle.Entry) {
		return nil, &Error{Detail: "the answer's total is not the number of its records", Err: ErrPartial}
	}
	for _, link := range bundle.Link {
		if link.Relation == "next" {
			return nil, &Error{Detail: "the answer goes on elsewhere", Err: ErrPartial}
		}
	}
	resources := make([]resource, len(bundle.Entry))
	for i, e := range bundle.Entry {
		if e.Resource.ResourceType != kind {
			return nil, &Error{Detail: "the answer has another kind of record than " + kind}
		}
		resources[i] = e.Resource
	}
	return resources, nil
}

// values returns the values of the identifiers of a system.
func (r *resource) values(system string) []string {
	var values []string
	for _, id := range r.Identifier {
		if id.System == system {
			values = append(values, id.Value)
		}
	}
	return values
}

// single returns the only value of a system, or "" if there is none.
func (r *resource) single(system string) (string, error) {
	values := r.values(system)
	if len(values) > 1 && slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		return "", &Error{Detail: "a record has several identifiers of " + system, Err: ErrAmbiguous}
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// interactions returns the interactions of both shapes, as they are written.
func (r *resource) interactions() []string {
	var list []string
	var walk func([]extension)
	walk = func(extensions []extension) {
		for _, e := range extensions {
			if e.URL == interactionExtension && e.ValueReference.Identifier.Value != "" {
				list = append(list, e.ValueReference.Identifier.Value)
			}
			walk(e.Extension)
		}
	}
	walk(r.Extension)
	for _, joined := range r.values(joinedSystem) {
		list = append(list, strings.Split(joined, ",")...)
	}
	return list
}

// A device is an accredited system.
type device struct {
	asid         asid.ID
	partyKey     string
	interactions []asid.InteractionID
}

// readDevices returns the systems that have the interaction and, unless it is empty,
// the party key, octet by octet. Values that are malformed are left out; a record
// without a well-formed ASID is left out altogether.
func readDevices(resources []resource, interaction asid.InteractionID, partyKey string) (devices []device, dropped []string, err error) {
	for i := range resources {
		r := &resources[i]
		digits, err := r.single(asidSystem)
		if err != nil {
			return nil, nil, err
		}
		var d device
		if err := d.asid.UnmarshalText([]byte(digits)); err != nil {
			dropped = append(dropped, digits)
			continue
		}
		if d.partyKey, err = r.single(partyKeySystem); err != nil {
			return nil, nil, err
		}
		if d.partyKey != "" && !isPartyKey(d.partyKey) {
			dropped, d.partyKey = append(dropped, d.partyKey), ""
		}
		seen := make(map[string]bool)
		for _, value := range r.interactions() {
			id, err := asid.ParseInteractionID(value)
			if err != nil {
				dropped = append(dropped, value)
			} else if !seen[value] {
				seen[value] = true
				d.interactions = append(d.interactions, id)
			}
		}
		if slices.Contains(d.interactions, interaction) && (partyKey == "" || d.partyKey == partyKey) {
			devices = append(devices, d)
		}
	}
	return devices, dropped, nil
}

// An endpoint is that of a message handling system.
type endpoint struct {
	partyKey string
	fqdn     string // nhsMhsFQDN; never the host of the address, which may be the Spine's
	address  string // may be empty
}

// readEndpoints returns the endpoints of the interaction and the party key, unless
// these are empty, octet by octet. Those without an FQDN are left out.
func readEndpoints(resources []resource, interaction asid.InteractionID, partyKey string) (endpoints []endpoint, dropped []string, err error) {
	for i := range resources {
		r := &resources[i]
		e := endpoint{address: r.Address}
		if e.partyKey, err = r.single(partyKeySystem); err != nil {
			return nil, nil, err
		}
		if interaction != "" && !slices.Contains(r.interactions(), string(interaction)) {
			continue
		}
		if !isPartyKey(e.partyKey) || partyKey != "" && e.partyKey != partyKey {
			continue
		}
		name, err := r.single(fqdnSystem)
		if err != nil {
			return nil, nil, err
		}
		if name == "" {
			continue
		}
		if e.fqdn, err = fqdn.Parse(name); err != nil {
			dropped = append(dropped, name)
			continue
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, dropped, nil
}

// namesOf returns the FQDNs of endpoints, without repetition.
func namesOf(endpoints []endpoint) []string {
	var names []string
	for _, e := range endpoints {
		names = append(names, e.fqdn)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
