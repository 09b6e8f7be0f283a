// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"strings"
	"unicode"
)

// A field is an element that is read. Each level has its own.
type field int

const (
	fieldDone    field = -1 // there is no further element
	fieldIgnored field = 0  // an element that FHIR has there but ownership does not need

	fieldID field = iota
	fieldMeta
	fieldVersionID
	fieldOldVersion
	fieldLastUpdated
	fieldStatus
	fieldSubject
	fieldCustodian
	fieldMasterIdentifier
	fieldRelatesTo
	fieldCode
	fieldTarget
	fieldReference
	fieldIdentifier
	fieldSystem
	fieldValue
	fieldParameter
	fieldName
	fieldPart
	fieldValueCode
	fieldValueString
)

// A level lists the elements that one FHIR type may have. The lists are closed:
// whatever is not on them is refused, and with it every name that a lenient
// reader could take for another one. What is stored is read with open lists; see
// known.
type level map[string]element

type element struct {
	field
	many bool // may occur several times in XML; is an array in JSON
}

// Left out on purpose, therefore refused: contained, modifierExtension and
// implicitRules.
var (
	documentReferenceLevel = level{
		"id":               {field: fieldID},
		"meta":             {field: fieldMeta},
		"language":         {},
		"text":             {},
		"extension":        {many: true},
		"masterIdentifier": {field: fieldMasterIdentifier},
		"identifier":       {many: true},
		"status":           {field: fieldStatus},
		"docStatus":        {},
		"type":             {},
		"class":            {},           // STU3
		"category":         {many: true}, // R4
		"subject":          {field: fieldSubject},
		"created":          {},           // STU3
		"indexed":          {},           // STU3
		"date":             {},           // R4
		"author":           {many: true}, // owns the information, not the pointer
		"authenticator":    {},
		"custodian":        {field: fieldCustodian},
		"relatesTo":        {field: fieldRelatesTo, many: true},
		"description":      {},
		"securityLabel":    {many: true},
		"content":          {many: true},
		"context":          {},
	}
	metaLevel = level{
		"id":          {},
		"extension":   {many: true},
		"versionId":   {field: fieldVersionID},
		"version":     {field: fieldOldVersion}, // not FHIR's: the NRL's own examples have it in place of versionId
		"lastUpdated": {field: fieldLastUpdated},
		"source":      {}, // R4
		"profile":     {many: true},
		"security":    {many: true},
		"tag":         {many: true},
	}
	referenceLevel = level{
		"id":         {},
		"extension":  {many: true},
		"reference":  {field: fieldReference},
		"type":       {}, // R4
		"identifier": {field: fieldIdentifier},
		"display":    {},
	}
	identifierLevel = level{
		"id":        {},
		"extension": {many: true},
		"use":       {},
		"type":      {},
		"system":    {field: fieldSystem},
		"value":     {field: fieldValue},
		"period":    {},
		"assigner":  {},
	}
	relatesToLevel = level{
		"id":        {},
		"extension": {many: true},
		"code":      {field: fieldCode},
		"target":    {field: fieldTarget},
	}
	parametersLevel = level{
		"id":        {},
		"parameter": {field: fieldParameter, many: true},
	}
	parameterLevel = level{
		"name": {field: fieldName},
		"part": {field: fieldPart, many: true},
	}
	partLevel = level{
		"name":        {field: fieldName},
		"valueCode":   {field: fieldValueCode},
		"valueString": {field: fieldValueString},
	}
)

// open returns what an element that is not on the list is to a reader of what is
// stored: ignored, unless a lenient reader could take it for one that is read, or
// it may change what the rest means.
func (l level) open(name string) (element, bool) {
	switch folded(name) {
	case folded("modifierExtension"), folded("implicitRules"):
		return element{}, false
	}
	if primitive, extended := strings.CutPrefix(name, "_"); extended {
		switch l[primitive].field {
		case fieldID, fieldVersionID, fieldOldVersion, fieldLastUpdated, fieldStatus, fieldReference, fieldSystem, fieldValue:
			return element{many: true}, true
		}
	}
	for listed, e := range l {
		if e.field != fieldIgnored && folded(listed) == folded(name) {
			return element{}, false
		}
	}
	return element{many: true}, true
}

// folded is name as the most lenient reader sees it: encoding/json takes the long
// s for an s.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		for { // to the least of the characters that differ by case only
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
