export default async () => {
  await globalThis.stopJourneySystem?.();
};
