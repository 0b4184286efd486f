/** Stands for what tests need not load: style sheets, and icons, which are fetched. */
export default function stub() {
  return null;
}
