// SPDX-License-Identifier: Apache-2.0

package fhir

// A Reader reads DocumentReferences of STU3 and R4.
type Reader struct {
	// Relative takes Organization/[ODS code] for a custodian.
	Relative bool

	// TargetIsID takes the value of the identifier in relatesTo.target, without a
	// system or with that of ODS codes, for the logical id of a pointer, as the R4
	// successor of the NRL does.
	TargetIsID bool

	// Stored reads what a store answers: everything but the custodian is read
	// tolerantly, since it was taken once. Relations are not read.
	Stored bool
}
