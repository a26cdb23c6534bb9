// What the page asks of the command that serves it.

export class Problem extends Error {
  constructor(text, again) {
    super(text);
    this.again = again;
  }
}

export const ask = async (path, options) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem("The review has ended: start the command again. All that was confirmed is kept.", false);
  }
  if (answer.ok) return answer;
  const text = await answer.json().then(({ problem }) => problem, () => answer.statusText);
  throw new Problem(text, answer.status === 409);
};

const pictures = new Map(); // addresses in this page's memory, by image

// The address of an image's picture. The last ones asked for are kept.
export const picture = (number) => {
  if (!pictures.has(number)) {
    const address = ask(`picture/${number}`)
      .then((answer) => answer.blob())
      .then((blob) => URL.createObjectURL(blob));
    address.catch(() => pictures.delete(number));
    pictures.set(number, address);
    for (const old of [...pictures.keys()].slice(0, -4)) {
      pictures.get(old).then(URL.revokeObjectURL, () => {});
      pictures.delete(old);
    }
  }
  return pictures.get(number);
};
