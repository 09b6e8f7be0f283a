// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// knowsPatient refuses what is no NHS number, and one that the Spine does not know.
func (s *Store) knowsPatient(nhsNumber string) error {
	if !spine.IsNHSNumber(nhsNumber) {
		return &patientError{nhsNumber}
	}
	if s.Patients != nil && !s.Patients(nhsNumber) {
		return &unknownPatientError{nhsNumber}
	}
	return nil
}

// knowsOrganisations refuses a custodian or an author that is no organisation.
func (s *Store) knowsOrganisations(custodian asid.ODSCode, resource *element) error {
	if s.Organisations == nil {
		return nil
	}
	if !s.Organisations(custodian) {
		return &organisationError{custodian.String()}
	}
	for _, c := range resource.children {
		if c.name != "author" {
			continue
		}
		name := ""
		if e := c.find("reference"); e != nil {
			name = strings.TrimPrefix(e.value, spine.OrganizationURL)
		} else if e := c.find("identifier", "value"); e != nil {
			name = e.value
		}
		if code, err := asid.ParseODSCode(name); err != nil || !s.Organisations(code) {
			return &organisationError{name}
		}
	}
	return nil
}
