// Package calendar owns dates, business days, cut-offs and holidays.
//
// It guarantees that a business day is a day of Asia/Ho_Chi_Minh and that nothing is computed past a year whose
// holidays are not on file. It is not a source of the current time: a Clock is passed in.
package calendar
