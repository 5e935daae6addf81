// SPDX-License-Identifier: AGPL-3.0-or-later
// The first and last second of a year or a month, as the server counts them (UTC).

/** `2019` or `2019-05` as seconds; a longer date as its month. */
export function span(moment) {
  const [year, month] = moment.split("-").map(Number);
  const from = (y, m) => {
    const date = new Date(0);
    date.setUTCFullYear(y, m, 1); // Date.UTC takes the year 19 for 1919
    return date.getTime() / 1000;
  };
  return month ? [from(year, month - 1), from(year, month) - 1] : [from(year, 0), from(year + 1, 0) - 1];
}
