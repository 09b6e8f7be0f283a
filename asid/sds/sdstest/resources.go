// SPDX-License-Identifier: Apache-2.0

package sdstest

import (
	"net/url"
	"slices"
	"strings"
)

// The systems of identifiers.
const (
	odsSystem         = "https://fhir.nhs.uk/Id/ods-organization-code"
	interactionSystem = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
	partyKeySystem    = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
	extensionURL      = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-NhsServiceInteractionId"
)

// A question is what the service is asked for; what is empty is any.
type question struct{ organization, interaction, partyKey, manufacturer string }

// readQuestion reads the parameters as the service does: the last of several wins,
// blanks around a value are nothing, unknown parameters are refused.
func readQuestion(kind string, parameters url.Values) (question, bool) {
	var q question
	set := 0
	for name, values := range parameters {
		for _, value := range values {
			system, text, found := strings.Cut(value, "|")
			text = strings.TrimSpace(text)
			switch {
			case !found || text == "":
				return q, false
			case name == "organization" && system == odsSystem:
				q.organization = text
			case name == "manufacturing-organization" && system == odsSystem:
				q.manufacturer = text
			case name == "identifier" && system == interactionSystem:
				q.interaction = text
			case name == "identifier" && system == partyKeySystem:
				q.partyKey = text
			default:
				return q, false
			}
		}
	}
	for _, text := range []string{q.organization, q.interaction, q.partyKey} {
		if text != "" {
			set++
		}
	}
	switch kind {
	case "Device":
		return q, q.organization != "" && q.interaction != ""
	case "Endpoint":
		return q, set >= 2
	}
	return q, false
}

// A found record is one of the two.
type found struct {
	as  *AS
	mhs *MHS
}

// answer returns the records that match: organisation and interaction by case, party
// key and manufacturer without. An asterisk matches every organisation.
func (d *Directory) answer(kind string, q question) []found {
	matches := func(ods, partyKey, manufacturer string, interactions ...string) bool {
		return (q.organization == "" || q.organization == "*" || q.organization == ods) &&
			(q.interaction == "" || slices.ContainsFunc(interactions, func(s string) bool { return strings.TrimSpace(s) == q.interaction })) &&
			(q.partyKey == "" || strings.EqualFold(q.partyKey, partyKey)) &&
			(q.manufacturer == "" || strings.EqualFold(q.manufacturer, manufacturer))
	}
	var list []found
	if kind == "Device" {
		for i := range d.AS {
			if as := &d.AS[i]; matches(as.ODS, as.PartyKey, as.Manufacturer, as.Interactions...) {
				list = append(list, found{as: as})
			}
		}
		return list
	}
	for i := range d.MHS {
		if mhs := &d.MHS[i]; matches(mhs.ODS, mhs.PartyKey, mhs.Manufacturer, mhs.Interaction) {
			list = append(list, found{mhs: mhs})
		}
	}
	return list
}

type object = map[string]any

func identifierOf(system, value string) object { return object{"system": system, "value": value} }

// resources returns a Device, or an Endpoint for each address.
func (r found) resources(joined bool) []any {
	if r.as != nil {
		return []any{device(r.as, joined)}
	}
	addresses := r.mhs.Endpoints
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	var list []any
	for _, address := range addresses {
		list = append(list, endpoint(r.mhs, address))
	}
	return list
}

func device(as *AS, joined bool) object {
	identifiers := []object{identifierOf("https://fhir.nhs.uk/Id/nhsSpineASID", as.ASID)}
	if as.PartyKey != "" {
		identifiers = append(identifiers, identifierOf(partyKeySystem, as.PartyKey))
	}
	d := object{"resourceType": "Device", "id": newUUID()}
	if joined {
		identifiers = append(identifiers, identifierOf("https://fhir.nhs.uk/Id/nhsEndpointServiceId", strings.Join(as.Interactions, ",")))
	} else {
		d["extension"] = extensions(as.Interactions...)
	}
	d["identifier"] = identifiers
	if len(as.Clients) > 0 {
		d["owner"] = object{"identifier": identifierOf(odsSystem, as.Clients[0])}
	}
	return d
}

func endpoint(mhs *MHS, address string) object {
	identifiers := []object{identifierOf("https://fhir.nhs.uk/Id/nhsMHSId", newUUID()), identifierOf(partyKeySystem, mhs.PartyKey)}
	if mhs.FQDN != "" {
		identifiers = append(identifiers, identifierOf("https://fhir.nhs.uk/Id/nhsMhsFQDN", mhs.FQDN))
	}
	e := object{
		"resourceType": "Endpoint", "id": newUUID(), "status": "active", "identifier": identifiers,
		"extension": extensions(mhs.Interaction), "managingOrganization": object{"identifier": identifierOf(odsSystem, mhs.ODS)},
	}
	if address != "" {
		e["address"] = address
	}
	return e
}

func extensions(interactions ...string) []object {
	list := make([]object, len(interactions))
	for i, id := range interactions {
		list[i] = object{"url": extensionURL, "valueReference": object{"identifier": identifierOf(interactionSystem, id)}}
	}
	return list
}

func bundle(u *url.URL, resources []any) object {
	entries := make([]object, len(resources))
	for i, r := range resources {
		entries[i] = object{"fullUrl": "https://" + u.Host + u.Path, "resource": r, "search": object{"mode": "match"}}
	}
	return object{
		"resourceType": "Bundle", "id": newUUID(), "type": "searchset", "total": len(resources), "entry": entries,
		"link": []object{{"relation": "self", "url": u.String()}},
	}
}
