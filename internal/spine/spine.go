// SPDX-License-Identifier: Apache-2.0

// Package spine holds the names and numbers that the Spine's specifications fix:
// the URLs of systems, organisations, people and patients, NHS numbers, and
// UUIDs.
package spine

// Systems of identifiers, as FHIR and the Spine's tokens name them. In a token the
// identifier follows behind a vertical bar.
const (
	ASIDSystem    = "https://fhir.nhs.uk/Id/accredited-system"
	ODSSystem     = "https://fhir.nhs.uk/Id/ods-organization-code"
	UserSystem    = "https://fhir.nhs.uk/Id/sds-role-profile-id"
	SDSUserSystem = "https://fhir.nhs.uk/Id/sds-user-id"
	PatientSystem = "https://fhir.nhs.uk/Id/nhs-number" // in resources

	// TokenPatientSystem is the system of NHS numbers in tokens. Some pages have it
	// with http.
	TokenPatientSystem = "https://fhir.nhs.net/Id/nhs-number"
)

// URLs of resources that STU3 pointers refer to; the ODS code or the NHS number
// follows.
const (
	OrganizationURL = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	PatientURL      = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
)

// Names in the Spine's OperationOutcome.
const (
	OutcomeProfile    = "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"
	OutcomeCodeSystem = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
)
