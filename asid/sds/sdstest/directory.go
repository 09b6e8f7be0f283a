// SPDX-License-Identifier: Apache-2.0

package sdstest

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// A Directory is what SDS holds: accredited systems and message handling
// systems. The text of each field is taken as it is, malformed or not.
type Directory struct {
	AS  []AS
	MHS []MHS

	// LDIF are further records, such as referrals; the FHIR service does not see
	// them. Empty: none.
	LDIF string
}

// An AS is a record of the class nhsAs: an accredited system.
type AS struct {
	ASID         string   // uniqueIdentifier, also in the record's name
	MoreIDs      []string // further values of uniqueIdentifier, which the schema allows
	ODS          string   // nhsIDCode: the organisation that manages the system
	Clients      []string // nhsAsClient: the organisations that use it
	PartyKey     string   // nhsMHSPartyKey
	Manufacturer string   // nhsMhsManufacturerOrg
	Interactions []string // nhsAsSvcIA
}

// An MHS is a record of the class nhsMhs: a message handling system's endpoint
// for one interaction.
type MHS struct {
	ID           string   // uniqueIdentifier; empty: made from the place in the list
	ODS          string   // nhsIDCode
	PartyKey     string   // nhsMHSPartyKey
	Interaction  string   // nhsMhsSvcIA, single-valued
	FQDN         string   // nhsMhsFQDN
	Endpoints    []string // nhsMHSEndPoint
	Manufacturer string   // nhsMhsManufacturerOrg
}

// WriteLDIF writes the directory as LDIF (RFC 2849), its records below
// ou=Services,o=nhs.
func (d *Directory) WriteLDIF(w io.Writer) error {
	out := &ldif{w: w}
	out.record("o=nhs", "objectClass", "organization", "o", "nhs")
	out.record("ou=Services,o=nhs", "objectClass", "organizationalUnit", "ou", "Services")
	for _, as := range d.AS {
		attributes := []string{"objectClass", "nhsAs", "uniqueIdentifier", as.ASID}
		attributes = append(attributes, pairs("uniqueIdentifier", as.MoreIDs...)...)
		attributes = append(attributes, pairs("nhsIDCode", as.ODS)...)
		attributes = append(attributes, pairs("nhsAsClient", as.Clients...)...)
		attributes = append(attributes, pairs("nhsMHSPartyKey", as.PartyKey)...)
		attributes = append(attributes, pairs("nhsMhsManufacturerOrg", as.Manufacturer)...)
		attributes = append(attributes, pairs("nhsAsSvcIA", as.Interactions...)...)
		out.record("uniqueIdentifier="+as.ASID+",ou=Services,o=nhs", attributes...)
	}
	for i, mhs := range d.MHS {
		id := mhs.ID
		if id == "" {
			id = fmt.Sprintf("mhs%d", i)
		}
		attributes := []string{"objectClass", "nhsMhs", "uniqueIdentifier", id}
		attributes = append(attributes, pairs("nhsIDCode", mhs.ODS)...)
		attributes = append(attributes, pairs("nhsMHSPartyKey", mhs.PartyKey)...)
		attributes = append(attributes, pairs("nhsMhsSvcIA", mhs.Interaction)...)
		attributes = append(attributes, pairs("nhsMhsFQDN", mhs.FQDN)...)
		attributes = append(attributes, pairs("nhsMHSEndPoint", mhs.Endpoints...)...)
		attributes = append(attributes, pairs("nhsMhsManufacturerOrg", mhs.Manufacturer)...)
		out.record("uniqueIdentifier="+id+",ou=Services,o=nhs", attributes...)
	}
	out.print(d.LDIF)
	return out.err
}

// pairs returns name and value of each value that is not empty.
func pairs(name string, values ...string) []string {
	var list []string
	for _, value := range values {
		if value != "" {
			list = append(list, name, value)
		}
	}
	return list
}

type ldif struct {
	w   io.Writer
	err error
}

func (l *ldif) record(dn string, attributes ...string) {
	l.line("dn", dn)
	for i := 0; i < len(attributes); i += 2 {
		l.line(attributes[i], attributes[i+1])
	}
	l.print("\n")
}

// line writes a value as it is if RFC 2849 calls it a SAFE-STRING without a
// blank at its end, and in Base64 otherwise.
func (l *ldif) line(name, value string) {
	safe := value != "" && !strings.ContainsAny(value[:1], " :<") && !strings.HasSuffix(value, " ")
	for i := 0; i < len(value); i++ {
		safe = safe && value[i] < 0x80 && value[i] != 0 && value[i] != '\n' && value[i] != '\r'
	}
	if safe {
		l.print(name + ": " + value + "\n")
		return
	}
	l.print(name + ":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
}

func (l *ldif) print(s string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, s)
	}
}
