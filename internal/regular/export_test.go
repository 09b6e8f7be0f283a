// SPDX-License-Identifier: Apache-2.0

package regular

// OpenUnseen is what Open does once it has looked.
var OpenUnseen = openRegular
