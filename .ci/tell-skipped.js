/** A reporter that tells every test that was skipped, whose name or note says why. */
export default class TellSkipped {
  onTestRunEnd(modules) {
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const { note } = test.result();
        console.log(
          `Skipped: ${module.relativeModuleId}: ${test.fullName}${note ? ` (${note})` : ''}`,
        );
      }
    }
  }
}
