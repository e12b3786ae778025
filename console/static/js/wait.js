// Looks again in a moment, for what was not there yet. Without scripts there is a link that does the same.

setTimeout(() => location.reload(), 2000);
