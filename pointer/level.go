// SPDX-License-Identifier: Apache-2.0

package pointer

// A field is an element that the guard reads; each level has its own.
type field int

const (
	done    field = -1 // there is no further element
	ignored field = 0  // an element that FHIR has there but ownership does not need

	resourceID field = iota
	meta
	versionID
	status
	subject
	custodian
	masterIdentifier
	relatesTo
	code
	target
	reference
	identifier
	system
	value
	bundleType
	link
	relation
	entry
	resource
	request
	method
	address
	parameter
	name
	part
	fullURL
	valueCode
	valueString
)

// A level lists the elements that one FHIR type may have. The lists are closed:
// whatever is not on them is refused, and with it every name that a lenient
// reader could take for another one.
type level map[string]element

type element struct {
	field
	many bool // may occur several times in XML; is an array in JSON
}

// Left out on purpose, therefore refused: contained, modifierExtension and
// implicitRules.
var (
	documentReferenceLevel = level{
		"id":               {field: resourceID},
		"meta":             {field: meta},
		"language":         {},
		"text":             {},
		"extension":        {many: true},
		"masterIdentifier": {field: masterIdentifier},
		"identifier":       {many: true},
		"status":           {field: status},
		"docStatus":        {},
		"type":             {},
		"class":            {},           // STU3
		"category":         {many: true}, // R4
		"subject":          {field: subject},
		"created":          {},           // STU3
		"indexed":          {},           // STU3
		"date":             {},           // R4
		"author":           {many: true}, // owns the information, not the pointer
		"authenticator":    {},
		"custodian":        {field: custodian},
		"relatesTo":        {field: relatesTo, many: true},
		"description":      {},
		"securityLabel":    {many: true},
		"content":          {many: true},
		"context":          {},
	}
	metaLevel = level{
		"id":          {},
		"extension":   {many: true},
		"versionId":   {field: versionID},
		"version":     {}, // not FHIR's: the NRL's own examples have it in place of versionId
		"lastUpdated": {},
		"source":      {}, // R4
		"profile":     {many: true},
		"security":    {many: true},
		"tag":         {many: true},
	}
	referenceLevel = level{
		"id":         {},
		"extension":  {many: true},
		"reference":  {field: reference},
		"type":       {}, // R4
		"identifier": {field: identifier},
		"display":    {},
	}
	identifierLevel = level{
		"id":        {},
		"extension": {many: true},
		"use":       {},
		"type":      {},
		"system":    {field: system},
		"value":     {field: value},
		"period":    {},
		"assigner":  {},
	}
	relatesToLevel = level{
		"id":        {},
		"extension": {many: true},
		"code":      {field: code},
		"target":    {field: target},
	}
	bundleLevel = level{
		"id":         {},
		"meta":       {},
		"language":   {},
		"identifier": {},
		"type":       {field: bundleType},
		"timestamp":  {}, // R4
		"total":      {},
		"link":       {field: link, many: true},
		"entry":      {field: entry, many: true},
		"signature":  {},
	}
	linkLevel = level{
		"id":        {},
		"extension": {many: true},
		"relation":  {field: relation},
		"url":       {},
	}
	entryLevel = level{
		"id":        {},
		"extension": {many: true},
		"link":      {many: true},
		"fullUrl":   {field: fullURL},
		"resource":  {field: resource},
		"search":    {},
		"request":   {field: request},
	}
	// Left out: ifMatch and the others, which make an entry conditional on what
	// the guard did not judge.
	requestLevel = level{
		"id":        {},
		"extension": {many: true},
		"method":    {field: method},
		"url":       {field: address},
	}
	parametersLevel = level{
		"id":        {},
		"parameter": {field: parameter, many: true},
	}
	parameterLevel = level{
		"name": {field: name},
		"part": {field: part, many: true},
	}
	partLevel = level{
		"name":        {field: name},
		"valueCode":   {field: valueCode},
		"valueString": {field: valueString},
	}
)
